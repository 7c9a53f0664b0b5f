/** A table or view, by the names in the catalog. */
export type Relation = { readonly schema: string; readonly table: string };

/** One member of the rows in the answer. */
export type SelectItem =
  | { readonly kind: 'all' }
  | { readonly kind: 'column'; readonly column: string; readonly alias: string | undefined };

/** What must hold for a row. Further operators and `or` become further kinds. */
export type Condition =
  | { readonly kind: 'equals'; readonly column: string; readonly value: string }
  | { readonly kind: 'is'; readonly column: string; readonly what: IsOperand };

export type IsOperand = 'null' | 'not_null' | 'true' | 'false' | 'unknown';

export type OrderTerm = {
  readonly column: string;
  readonly direction: 'asc' | 'desc' | undefined;
  readonly nulls: 'first' | 'last' | undefined;
};

/** The query string of a request to `/api/data/:table`. */
export type DataQuery = {
  readonly select: readonly SelectItem[];
  /** All of them must hold. */
  readonly conditions: readonly Condition[];
  readonly order: readonly OrderTerm[];
  readonly limit: number | undefined;
  readonly offset: number;
  /** Which members of the body are inserted; undefined: those that the body has. */
  readonly columns: readonly string[] | undefined;
};
