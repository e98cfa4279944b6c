/** A project as this user follows it: where it comes from, and who may announce it. design.md section 9. */
import type { ImageName, OperatorId, Platform } from './identifiers.ts'
import type { BuilderPin } from './recipe.ts'

/** A recipe value: a literal, or a reference that the announcer resolves, with its pattern. */
export type TemplateValue = string | number | { readonly from: string; readonly pattern: string }

/** The recipe of a project file; a release carries the resolved literals. */
export interface RecipeTemplate {
  readonly builders: readonly BuilderPin[]
  readonly dockerfile: string
  readonly context: string
  readonly target?: string
  readonly buildArgs?: Readonly<Record<string, TemplateValue>>
  /** A number, or `commit` for the commit's time, or a reference. */
  readonly sourceDateEpoch?: TemplateValue
  readonly annotations?: Readonly<Record<string, TemplateValue>>
  readonly network?: 'none' | 'default'
  readonly exporter?: Readonly<Record<string, string>>
}

export interface Project {
  readonly image: ImageName
  readonly platforms: readonly Platform[]
  /** `git+https://…`: the only source that is believed. */
  readonly source: string
  /** Operators whose releases count. */
  readonly announcers: readonly OperatorId[]
  readonly recipe: RecipeTemplate
  /** Profile id. */
  readonly profile: string
  /** Hosts (`host[:port]`) that may be plain http or private addresses. */
  readonly insecure: readonly string[]
}
