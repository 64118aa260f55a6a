/**
 * A path template. Source: google/api/http.proto, "Path template syntax".
 *
 *     Template = "/" Segments [ Verb ] ;
 *     Segments = Segment { "/" Segment } ;
 *     Segment  = "*" | "**" | LITERAL | Variable ;
 *     Variable = "{" FieldPath [ "=" Segments ] "}" ;
 *     FieldPath = IDENT { "." IDENT } ;
 *     Verb     = ":" LITERAL ;
 */
export interface PathTemplate {
  /** In order, those within variables included. `**` stands last. */
  readonly segments: readonly Segment[];
  /** Without its colon; undefined when there is none. */
  readonly verb: string | undefined;
  readonly variables: readonly PathVariable[];
}

export type Segment =
  | { readonly kind: "literal" /** Decoded. */; readonly text: string }
  | { readonly kind: "*" }
  | { readonly kind: "**" };

export interface PathVariable {
  /** `["user", "id"]` */
  readonly fieldPath: readonly string[];
  /** The segments that it takes, from `start` to before `end`; `**` may take any number, none included. */
  readonly start: number;
  readonly end: number;
  /** Whether it takes more, or other, than exactly one `*`: then `%2F` stays encoded in it. */
  readonly isMulti: boolean;
}
