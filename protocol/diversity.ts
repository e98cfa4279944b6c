/**
 * How many groups a set of operators stands for.
 *
 * Each group needs an operator of its own: one operator that calls itself both `us` and `ngo` is
 * one party, and adds one. So this is a maximum matching of operators to groups, not the number of
 * labels (with labels, a single operator could meet any `min_groups`). Threat T17.
 */

/** The largest number of groups that distinct operators can stand for. */
export function countGroups(operators: readonly { readonly groups: readonly string[] }[]): number {
  const standsFor = new Map<string, number>()

  // Kuhn's augmenting paths; policies name a few dozen operators at most.
  const place = (operator: number, tried: Set<string>): boolean => {
    for (const group of operators[operator]?.groups ?? []) {
      if (tried.has(group)) continue
      tried.add(group)
      const holder = standsFor.get(group)
      if (holder === undefined || place(holder, tried)) {
        standsFor.set(group, operator)
        return true
      }
    }
    return false
  }

  return operators.filter((_, operator) => place(operator, new Set())).length
}
