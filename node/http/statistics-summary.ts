/**
 * How it goes with the releases of a project: how soon enough operators agree, how many do, and how
 * long builds take. Times are those that signers claim; nothing of it is part of a verdict.
 */
import type { ImageName, OperatorId, Platform } from '../../protocol/identifiers.ts'

/** Of so many values, in seconds; null where there is none. */
export interface Spread {
  readonly count: number
  readonly median: number | null
  /** Nine of ten are no longer. */
  readonly p90: number | null
  readonly longest: number | null
}

export interface OperatorRecord {
  readonly operator: OperatorId
  readonly name: string | null
  /** Results with those on whom most agree, against them, and that none could be compared with. */
  readonly agreed: number
  readonly dissented: number
  /** Two own builds that differ, or a recipe that fails. */
  readonly unreproduced: number
}

export interface ProjectStatistics {
  readonly image: ImageName
  /** Releases that were looked at, the newest, and how many there are. */
  readonly releases: { readonly counted: number; readonly known: number }
  /** Published images of these, each for one platform. */
  readonly images: number
  /** From the announcement to the result by which enough operators of the policy agree. */
  readonly timeToQuorum: Spread & {
    /** Images on which not enough agree by now. */
    readonly open: number
  }
  /** Results of the policy's operators: of those, the ones with most others. */
  readonly agreement: {
    readonly results: number
    readonly agreed: number
    /** Images that all who built them got alike. */
    readonly unanimous: number
  }
  readonly operators: readonly OperatorRecord[]
  /** From the beginning of a rebuild to its result, second builds included. */
  readonly buildTime: readonly {
    readonly platform: Platform
    /** Of this node. */
    readonly own: Spread
    /** Of operators of the policy, this one among them. */
    readonly all: Spread
    /** Of results on machines that emulated the platform, which the others are without. */
    readonly emulated: Spread
  }[]
}
