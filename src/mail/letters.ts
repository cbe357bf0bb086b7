import { lifetimes } from './tokens.ts'

/** What a mail says. Its address and the time of its request are added by whoever sends it. */
export type Letter = {
  subject: string
  /** What happened, what to do, and what to do if it was not the reader. */
  before: (address: string, time: string) => string[]
  /** The part of our address that follows #, before the token. A mail without one has no link. */
  link?: 'reset' | 'confirm'
  after: string[]
}

/** Every mail that the service sends, by the name that the log tells. */
export const letters = {
  reset: {
    subject: 'Set a new password',
    before: (address, time) => [
      `Somebody asked on ${time} to set a new password for the edge-todo account of ${address}.`,
      `To set it, open this link within ${lifetimes.reset}. It works once:`,
    ],
    link: 'reset',
    after: [
      'If it was not you, do nothing: your password stays as it is. Do not pass the link on.',
    ],
  },
  confirm: {
    subject: 'Confirm your e-mail address',
    before: (address, time) => [
      `${address} was given as the address of an edge-todo account. This mail was asked for on ${time}.`,
      `To confirm that the address is yours, open this link within ${lifetimes.confirm}. It works once:`,
    ],
    link: 'confirm',
    after: [
      'If it was not you, do nothing: somebody has probably mistyped their own address. Do not pass the link on.',
    ],
  },
  change: {
    subject: 'Confirm your new e-mail address',
    before: (address, time) => [
      `The owner of an edge-todo account asked on ${time} to use ${address} as its new address.`,
      `To change the address, open this link within ${lifetimes.change}. It works once:`,
    ],
    link: 'confirm',
    after: [
      'If it was not you, do nothing: the account keeps the address that it has. Do not pass the link on.',
    ],
  },
  taken: {
    subject: 'This e-mail address has an account already',
    before: (address, time) => [
      `The owner of an edge-todo account asked on ${time} to use ${address} as its new address. It is the address of another account already, so nothing has changed.`,
      'If it was you, sign in with this address, or choose another one.',
    ],
    after: ['If it was not you, do nothing: nobody has got into your account.'],
  },
  present: {
    subject: 'This is your e-mail address already',
    before: (address, time) => [
      `You asked on ${time} to use ${address} as the new address of your edge-todo account. It is the address of this account already, so nothing has changed.`,
      'If it was you, there is nothing more to do.',
    ],
    after: [
      'If it was not you, somebody knows your password: change it in the settings. That signs out all your other devices.',
    ],
  },
  changed: {
    subject: 'Your e-mail address was changed',
    before: (address, time) => [
      `Your edge-todo account had the address ${address}. On ${time} it was changed to another, which was confirmed.`,
      'If it was you, sign in with the new address from now on.',
    ],
    after: [
      'If it was not you, somebody knows your password. On a device that is still signed in, change the password in the settings, and then the address.',
    ],
  },
  was_reset: {
    subject: 'Your password was changed',
    before: (address, time) => [
      `The password of the edge-todo account of ${address} was set anew on ${time}, with a link from a mail to this address. All devices were signed out.`,
      'If it was you, sign in with the new password.',
    ],
    after: [
      'If it was not you, somebody can read your mail: change the password of your mailbox first. Then choose “Forgot your password?” where you sign in to edge-todo.',
    ],
  },
} satisfies Record<string, Letter>
export type LetterName = keyof typeof letters

const escapeHtml = (text: string) =>
  text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)

const aTime = new Intl.DateTimeFormat('en-GB', {
  dateStyle: 'long',
  timeStyle: 'short',
  timeZone: 'UTC',
})

/** A letter as plain text and as HTML, which say the same. */
export const write = (name: LetterName, address: string, now: Date, link?: string) => {
  const { subject, before, after }: Letter = letters[name]
  const paragraphs = before(address, `${aTime.format(now)} UTC`)
  const text = [...paragraphs, ...(link ? [link] : []), ...after].join('\n\n')
  const html = [
    ...paragraphs.map((paragraph) => `<p>${escapeHtml(paragraph)}</p>`),
    ...(link ? [`<p><a href="${escapeHtml(link)}">${escapeHtml(link)}</a></p>`] : []),
    ...after.map((paragraph) => `<p>${escapeHtml(paragraph)}</p>`),
  ]
  return {
    subject,
    text: `${text}\n`,
    html: `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>${escapeHtml(subject)}</title></head>
<body style="max-width: 36em; font: 16px/1.5 sans-serif">
${html.join('\n')}
</body>
</html>
`,
  }
}
