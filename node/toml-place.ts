/**
 * Where in a TOML file a key stands, for errors that name the line.
 *
 * The parser that gives values keeps no positions, so the text is read a second time by one that
 * does, and only when there is something to complain of.
 */
import { parseTOML, type AST } from 'toml-eslint-parser'

/** Names of tables and keys, and indexes of lists, from the outside in. */
export type TomlPath = readonly (string | number)[]

/**
 * Line, from 1, of the key at `path`, or of the innermost table or list around it that is there.
 * Undefined where not even its first step is in the file.
 */
export function lineOf(text: string, path: TomlPath): number | undefined {
  let best: { depth: number; line: number } | undefined
  for (const place of readPlaces(text)) {
    const depth = place.path.length
    if (depth > path.length || place.path.some((step, i) => step !== path[i])) continue
    if (best === undefined || depth > best.depth) best = { depth, line: place.line }
  }
  return best?.line
}

interface Place {
  readonly path: TomlPath
  readonly line: number
}

function readPlaces(text: string): readonly Place[] {
  let body: readonly (AST.TOMLKeyValue | AST.TOMLTable)[]
  try {
    body = parseTOML(text, { tomlVersion: '1.1' }).body[0].body
  } catch {
    // A complaint without its line is better than none.
    return []
  }
  return body.flatMap((node) =>
    node.type === 'TOMLKeyValue'
      ? placesOf(node, [])
      : [
          ...along([], node.resolvedKey, node),
          ...node.body.flatMap((pair) => placesOf(pair, node.resolvedKey)),
        ],
  )
}

function placesOf(pair: AST.TOMLKeyValue, table: TomlPath): readonly Place[] {
  const names = pair.key.keys.map((key) => (key.type === 'TOMLBare' ? key.name : key.value))
  return [...along(table, names, pair), ...inside(pair.value, [...table, ...names])]
}

function inside(value: AST.TOMLContentNode, path: TomlPath): readonly Place[] {
  if (value.type === 'TOMLInlineTable') return value.body.flatMap((pair) => placesOf(pair, path))
  if (value.type !== 'TOMLArray') return []
  return value.elements.flatMap((element, index) => [
    { path: [...path, index], line: element.loc.start.line },
    ...inside(element, [...path, index]),
  ])
}

/** `a.b.c` makes a place for `a`, for `a.b` and for itself. */
function along(outer: TomlPath, names: TomlPath, node: AST.TOMLNode): readonly Place[] {
  return names.map((_, i) => ({
    path: [...outer, ...names.slice(0, i + 1)],
    line: node.loc.start.line,
  }))
}
