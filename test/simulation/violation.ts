/** A law of the protocol that did not hold in a simulation. */
export type Law =
  | 'an honest owner never forks its log'
  | 'an honest owner is never called a forger'
  | 'what is kept of a log is what its owner signed'
  | 'what was shown of a log is not taken back'
  | 'a vote counts exactly where it stands under a head that is here'
  | 'complete means that nothing said before is missing'
  | 'nobody is allowed what no source gives'
  | 'an allow has k operators of the policy that say so, complete and fresh'
  | 'too many silent operators, or a suspect clock, keep back an allow'
  | 'a contradiction that honest operators agree on denies'
  | 'time takes an allow away and leaves a denial'
  | 'no allow in an eclipse after its age and skew'
  | 'honest nodes do not accuse each other'
  | 'what was acknowledged is not lost'
  | 'after two intervals all have the same'
  | 'a fork is known to all after two rounds'
  | 'the same evidence gives the same answer'
  | 'what all agree on is allowed'
  | 'nothing that peers send breaks a node'
  | 'an exchange ends'
  | 'what is here is not asked for again'

export class Violation extends Error {
  override readonly name = 'Violation'
  readonly law: Law

  constructor(law: Law, details: string) {
    super(`${law}: ${details}`)
    this.law = law
  }
}
