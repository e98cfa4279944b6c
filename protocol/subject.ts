/**
 * The `subject` of an in-toto Statement: which artifacts it is about, so that tools that look
 * attestations up by digest find it. Here it says nothing of its own: it must be what follows
 * from the predicate.
 */
import type { Field } from './field.ts'
import type { JsonObject } from './json.ts'

export type Subject =
  | { readonly name: string; readonly digest: { readonly sha256: string } }
  | { readonly name: string; readonly digest: { readonly gitCommit: string } }
  | { readonly name: string; readonly digest: { readonly rebuildnetSid: string } }

/** A manifest, by its digest `sha256:…`. */
export function manifestSubject(name: string, digest: string): Subject {
  return { name, digest: { sha256: digest.slice('sha256:'.length) } }
}

export function commitSubject(name: string, commit: string): Subject {
  return { name, digest: { gitCommit: commit } }
}

/** Another statement: a sid is no plain hash of bytes, hence a digest name of its own. */
export function statementSubject(name: string, sid: string): Subject {
  return { name, digest: { rebuildnetSid: sid } }
}

/** Checks that the list is `expected`, in that order. Other members of its objects are ignored. */
export function checkSubjects(field: Field, expected: readonly Subject[]): void {
  const items = field.list(1024)
  if (items.length !== expected.length) {
    field.fail('subject-mismatch', `has ${items.length} subjects, the predicate ${expected.length}`)
  }
  for (const [i, subject] of expected.entries()) {
    const item = items[i] as Field
    if (item.at('name').string(1024) !== subject.name) {
      item.at('name').fail('subject-mismatch', `is not ${subject.name}`)
    }
    for (const [algorithm, hex] of Object.entries(subject.digest)) {
      const digest = item.at('digest').at(algorithm)
      if (digest.string(256) !== hex) digest.fail('subject-mismatch', `is not ${hex}`)
    }
  }
}

export function encodeSubjects(subjects: readonly Subject[]): JsonObject[] {
  return subjects.map(({ name, digest }) => ({ name, digest: { ...digest } }))
}
