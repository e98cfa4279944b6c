/** The `withdrawal` statement: an announcer takes back a release, a rebuilder a result. design.md section 4. */
import type { ImageName, Sid, UnixSeconds } from './identifiers.ts'

export interface Withdrawal {
  readonly kind: 'withdrawal'
  readonly image: ImageName
  readonly withdraws: Sid
  readonly reason: string
  readonly withdrawn: UnixSeconds
}
