import { afterAll, expect } from 'vitest'

/** What no line of the log may contain, whatever the tests of a file have sent. */
const secrets = {
  'an e-mail address': /[^\s"@]+@[^\s"@]+\.[a-z]{2,}/i,
  'an access token': /eyJ[\w-]{8,}\.[\w-]+\./,
  'a refresh token or one of a mail': /(?<![\w-])[\w-]{43}(?![\w-])/,
  'a link': /#(reset|confirm)=/,
  'a bcrypt hash': /\$2[aby]\$\d\d\$/,
  'a SHA-256': /\b[\da-f]{64}\b/,
  'a connection string': /postgres(ql)?:\/\/(?!user:password@host\/database)/i,
  'a password': /correct horse|(wrong|another) password/i,
  SQL: /\b(select|insert into|delete from) /i,
  'a stack trace': /\n\s+at /,
}

const lines: string[] = []
for (const name of ['log', 'info', 'warn', 'error', 'debug'] as const) {
  const write = console[name]
  console[name] = (...parts: unknown[]) => {
    lines.push(parts.map(String).join(' '))
    write(...parts)
  }
}

afterAll(() => {
  for (const [what, pattern] of Object.entries(secrets))
    expect(
      lines.filter((line) => pattern.test(line)),
      `lines of the log with ${what}`
    ).toEqual([])
})
