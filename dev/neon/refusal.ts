import pg from 'pg'

/** An error that the proxy answers with by itself, without asking Postgres */
export function refusal(status: number, message: string, fields: Partial<pg.DatabaseError> = {}) {
  return Object.assign(new Error(message), fields, { status })
}

/** The status and body of a reply to an error; the fields are those of the driver's NeonDbError */
export function encodeError(error: unknown): { status: number; body: string } {
  // Neon answers every error that Postgres reports with 400.
  const { status = error instanceof pg.DatabaseError ? 400 : 500 } = error as { status?: number }
  const fields = error as Partial<pg.DatabaseError>
  const body = {
    message: error instanceof Error ? error.message : String(error),
    code: fields.code ?? '',
    detail: fields.detail ?? null,
    hint: fields.hint ?? null,
    position: fields.position ?? null,
    internalPosition: fields.internalPosition ?? null,
    internalQuery: fields.internalQuery ?? null,
    severity: fields.severity ?? '',
    where: fields.where ?? null,
    table: fields.table ?? null,
    column: fields.column ?? null,
    schema: fields.schema ?? null,
    dataType: fields.dataType ?? null,
    constraint: fields.constraint ?? null,
    file: fields.file ?? null,
    line: fields.line ?? null,
    routine: fields.routine ?? null,
  }
  return { status, body: JSON.stringify(body) }
}
