/**
 * What client and server of sync need done. Each is an object with room for what comes of it;
 * whoever runs the steps does what it says, fills that in, and resumes. So the same code runs over
 * streams and disks, and in a simulation without either. To verify and to store is begun by one step
 * and waited for by another, so that neither waits for the peer; whoever does all at once need not care.
 */
import type { Sid } from '../identifiers.ts'
import type { EquivocationProof } from '../log/equivocation.ts'
import type { StatementError } from '../statement-error.ts'
import type { SignedStatement } from '../statement.ts'

interface SendStep {
  readonly type: 'send'
  readonly frame: Uint8Array
}

export interface ReceiveStep {
  readonly type: 'receive'
  /** The next frame; undefined at the end. */
  frame?: Uint8Array | undefined
}

/** Read statements that are stored. */
export interface ReadStep {
  readonly type: 'read'
  readonly sids: readonly Sid[]
  /** In the same order; undefined for what is not stored. */
  bodies?: readonly (Uint8Array | undefined)[]
}

/** Begin to verify statements: the costly part, which may go on while other steps are done. */
export interface OpenStep {
  readonly type: 'open'
  readonly bodies: readonly Uint8Array[]
  /** In the same order; once `opened` was asked for. */
  opened?: readonly (SignedStatement | StatementError)[]
}

/** Wait until these are verified. */
interface OpenedStep {
  readonly type: 'opened'
  readonly step: OpenStep
}

export interface OpenedStatement {
  readonly statement: SignedStatement
  /** Its own bytes, not a view of a frame. */
  readonly bytes: Uint8Array
}

/**
 * Begin to store statements, which are verified and were asked for, behind those of the steps before.
 * It may go on while other steps are done; of those that wait to be stored there is one step at most.
 */
interface TakeStep {
  readonly type: 'take'
  readonly statements: readonly OpenedStatement[]
}

/** Wait until all that was to be stored is. */
interface SettleStep {
  readonly type: 'settle'
}

/** Keep what the book has learned, and tell it which statements in new leaves are here already. */
interface CommitStep {
  readonly type: 'commit'
}

/** A log is proven to be forked, and was not before: tell others. */
interface ProvenStep {
  readonly type: 'proven'
  readonly proof: EquivocationProof
}

/** A good moment to let others work. */
interface PauseStep {
  readonly type: 'pause'
}

export type ServerStep = SendStep | ReceiveStep | ReadStep
export type ClientStep =
  | SendStep
  | ReceiveStep
  | OpenStep
  | OpenedStep
  | TakeStep
  | SettleStep
  | CommitStep
  | ProvenStep
  | PauseStep

export type ServerRun = Generator<ServerStep, void, void>
/** Gives `T` to the client that it is a part of. */
export type ClientRun<T = void> = Generator<ClientStep, T, void>
