import type { Problem } from '../../src/client.ts'
import type { User } from './account.ts'
import type { Task } from './changes.ts'

/** Why a request came to nothing. `unreachable` stands for one that got no reply. */
export type Fault = (Problem & { retryAfter?: number }) | 'unreachable'

/** Whether the server is not set up to send mails. */
export const cannotMail = (fault: Fault | undefined) =>
  typeof fault === 'object' && /^Mail is not set up/.test(fault.detail)

const count = (n: number, one: string, many = `${one}s`) => `${n} ${n === 1 ? one : many}`

/** Changes, with the verb that agrees with their number. */
const changesThat = (n: number, one: string, many: string) =>
  `${count(n, 'change')} ${n === 1 ? one : many}`

const browsers: [RegExp, string][] = [
  [/Edg/, 'Edge'],
  [/OPR/, 'Opera'],
  [/Samsung/, 'Samsung Internet'],
  [/Firefox|FxiOS/, 'Firefox'],
  [/Chrome|CriOS/, 'Chrome'],
  [/Safari/, 'Safari'],
]
const systems: [RegExp, string][] = [
  [/Android/, 'Android'],
  [/iPhone/, 'iPhone'],
  [/iPad/, 'iPad'],
  [/Windows/, 'Windows'],
  [/Mac OS/, 'Mac'],
  [/CrOS/, 'ChromeOS'],
  [/Linux/, 'Linux'],
]

type Words = Pick<Task, 'title' | 'description'>
const quoted = (notes: string | null) => (notes ? `“${notes}”` : 'none')

const fields = {
  title: 'title',
  description: 'notes',
  due_date: 'date',
  due_time: 'time',
  priority: 'priority',
  tags: 'tags',
}

/** A few letters to name a request by. */
const coded = (requestId: string) => requestId && ` Code ${requestId.slice(0, 8)}.`

/** The app's sentences: what happened, what remains, what to do. The names of buttons and fields are in the views. */
export const text = {
  product: 'edge-todo',
  views: {
    today: 'Today',
    upcoming: 'Upcoming',
    all: 'All tasks',
    done: 'Done',
    trash: 'Trash',
    settings: 'Settings',
  },
  empty: {
    today: 'Nothing is due today. What you add here is due today.',
    upcoming: 'Nothing is planned. A date puts a task here: “Call Ada friday”.',
    all: 'No tasks. Add one above.',
    done: 'What you complete is kept here.',
    tag: 'No task has this tag.',
    trash: 'The trash is empty.',
    settings: '',
    search: 'No task matches the search.',
    never: 'Your tasks come as soon as there is a connection.',
  },
  sections: { late: 'Overdue', today: 'Today', open: 'Open', done: 'Done' },
  sorts: {
    order: 'By hand',
    due: 'By date',
    priority: 'By priority',
    title: 'By title',
    newest: 'Newest first',
  },
  priorities: { high: 'High', medium: 'Medium', low: 'Low' },
  newTags: 'Tags to add',
  tagsHint: 'Separate them with commas.',
  newTaskHint: 'Pay rent tomorrow 9:30 #home !high',
  searchHint: 'Search, #tag, !high',
  notFound: (view: string) => `No task in ${view} matches the search.`,
  found: (n: number) => `${count(n, 'task')} found.`,

  handOnly: 'Tasks can be moved in Today and in All tasks, sorted by hand.',
  titleTooLong: 'A title has at most 255 characters. Put the rest into the notes.',
  notesTooLong: 'Notes have at most 10,000 characters.',
  tooManyTags: 'A task has at most 20 tags.',
  tagTooLong: 'A tag has at most 50 characters.',
  titleMissing: 'Say what is to be done.',

  // A long title is cut on a phone, so the day comes first.
  added: (title: string, day = '') => `Added${day && ` for ${day}:`} “${title}”`,
  addedAll: (n: number) => `Added ${count(n, 'task')}`,
  notAdded: (line: string, fault: string) =>
    `Nothing is added. “${line.replace(/^(.{30}).+/u, '$1…')}”: ${fault}`,
  tasks: (n: number) => count(n, 'task'),
  completed: (tasks: string) => `Completed ${tasks}`,
  reopened: (tasks: string) => `Reopened ${tasks}`,
  deleted: (tasks: string) => `Deleted ${tasks}`,
  restored: (tasks: string) => `Restored ${tasks}`,
  changed: (tasks: string) => `Changed ${tasks}`,
  rescheduled: (tasks: string, day: string | null) =>
    day ? `Moved to ${day}: ${tasks}` : `Took the date from ${tasks}`,
  discarded: (title: string) => `Discarded the change to “${title}”`,
  kept: (title: string) => `Kept “${title}”`,
  moved: (tasks: string, place: number, of: number) => `Moved ${tasks} to ${place} of ${of}`,
  selected: (n: number) => (n ? `${n} selected` : 'Nothing is selected.'),
  isSelected: (title: string) => `${title}, selected`,
  trash: 'Deleted tasks stay here for 30 days.',
  trashStates: {
    unreachable: 'No connection. The trash is on the server; what was deleted here is listed.',
    trouble: 'The server is busy. What was deleted here is listed.',
    'signed-out': 'The trash is listed when you are signed in.',
  },
  selectAll: (n: number) => `Select all ${n}`,
  restoreSelected: (n: number) => (n ? `Restore ${count(n, 'task')}` : 'Restore'),

  loading: 'Loading…',
  preferences: {
    theme: { label: 'Theme', system: 'As the system', light: 'Light', dark: 'Dark' },
    firstDay: {
      label: 'The week begins on',
      monday: 'Monday',
      sunday: 'Sunday',
      saturday: 'Saturday',
    },
    newTasks: { label: 'New tasks', end: 'At the end', top: 'On top' },
    singleKeys: { label: 'Single keys (n, x, 1 …)', on: 'On', off: 'Off' },
  },
  thisDevice: 'This device',
  usedDevice: (used = '', began = '') => `Used ${used}, signed in ${began}`,
  devicesEnded: (n: number) => `Signed out ${count(n, 'device')}`,
  /** What a person calls the browser that sends this `User-Agent`. */
  device: (userAgent: string | null): string => {
    const find = (names: [RegExp, string][]) =>
      names.find(([pattern]) => pattern.test(userAgent ?? ''))?.[1]
    const browser = find(browsers)
    const system = find(systems)
    if (browser && system) return `${browser} on ${system}`
    return browser ?? system ?? (userAgent?.slice(0, 40) || 'Unknown device')
  },
  passwordChanged: 'The password is changed. All other devices are signed out.',
  passwordHint: 'This signs out all other devices. This one stays signed in.',
  exportHint: 'An export has all tasks, the trash and your account, as a JSON file.',
  exporting: 'Exporting…',
  unsent: (changes: number) => `${changesThat(changes, 'has', 'have')} not reached the server yet.`,
  notExported: (changes: number) =>
    changes
      ? `${text.unsent(changes)} An export does not have ${changes === 1 ? 'it' : 'them'}.`
      : '',
  held: (tasks: number, ago: string) =>
    `${count(tasks, 'task')} on this device, ${ago ? `synced ${ago}` : 'not synced yet'}.`,
  emptyHint:
    'Emptying deletes the tasks here and fetches them anew. Safari deletes them by itself when you have not used the app for 7 days, unless it is on your home screen.',
  deletionHint:
    'This deletes all your tasks, here and on the server. It cannot be undone. Export them first if you want to keep them.',
  signedInAs: (email: string) => `Signed in as ${email}`,
  confirmed: 'The address is confirmed.',
  notConfirmed: 'The address is not confirmed yet: open the link in our mail to it.',
  unconfirmed: (email: string) => `Confirm ${email} with the link in our mail.`,
  sent: (email: string) => `A mail is on its way to ${email}. We send at most 3 an hour.`,
  emailHint: 'A link goes to the new address. The old one stays until you confirm the new one.',
  emailAsked: (email: string, old: string) =>
    `A mail is on its way to ${email}. Until you open its link, your address stays ${old}.`,

  about: 'edge-todo: a to-do list that also works offline.',
  signingIn: 'Sign in',
  toTasks: 'To your tasks',
  toSignIn: 'Back to sign in',
  deadLink: 'This link does not work any more',
  deadLinkWhy: 'A link works once, for a while, and until a newer one takes its place.',
  forgot: {
    title: 'Forgot your password?',
    words: 'Give the e-mail address of your account. A link to set a new password goes to it.',
    sent: 'Look into your mailbox',
    sentTo: (email: string) =>
      `If there is an account with ${email}, a mail is on its way to it. Its link works for 30 minutes.`,
  },
  links: {
    reset: {
      title: 'Set a new password',
      words: 'This signs out all devices.',
      done: 'Your password is changed',
      doneWords: 'All devices are signed out. Sign in with the new password.',
    },
    confirm: {
      title: 'Confirm your address',
      words:
        'Confirm only if the address is yours and you asked for this. If not, close this page: nothing will happen.',
      done: 'Your address is confirmed',
      doneWords: 'You sign in with this address from now on.',
    },
  },
  askAnother: (user: User | undefined) => {
    if (!user) return 'Sign in to ask for another.'
    return user.email_verified
      ? `Your address, ${user.email}, is confirmed. To change it, ask for another link in Settings.`
      : `Your address, ${user.email}, is not confirmed yet.`
  },

  undone: (name: string) => `Undone: ${name}`,
  nothingToUndo: 'There is nothing to undo.',

  offline: (changes: number) =>
    changes ? `Offline. ${changesThat(changes, 'waits', 'wait')}.` : 'Offline.',
  saving: 'Saving…',
  limited: 'Many requests at once. Nothing is lost; trying again shortly.',
  trouble: (code: string) => `The server is busy. Nothing is lost; trying again.${coded(code)}`,
  broken: (code: string) =>
    `Something broke on our side. Nothing is lost; trying again.${coded(code)}`,
  full: 'This device has no room for what the server sent. Free some space; the app tries again.',
  stumbled:
    'The app met a fault. Your changes are kept, and it tries again. If this stays, reload.',
  signedOutElsewhere: (changes: number) =>
    `You were signed out on this device.${
      changes ? ` Your ${changesThat(changes, 'is', 'are')} kept.` : ''
    } Sign in to go on.`,
  notStored:
    'This browser cannot store the last change. Free some space on this device, and keep this page open until this message goes away.',
  inMemory:
    'This browser does not let the app store tasks. Keep this page open until your changes are sent.',
  closed: {
    outdated: 'The app was updated or emptied in another tab.',
    terminated: 'The browser has closed the storage of this app.',
  },
  otherPerson: 'Another person signed in on this device.',
  notices: {
    updated: 'There is a new version.',
    deleted: 'Your account is deleted, and all your tasks with it.',
    sessionLeft:
      'You are signed out here. The session itself ends when this device has a network again.',
  },

  /** Both texts, for one of them goes. */
  conflict: (ours: Words, theirs: Partial<Words>) =>
    [
      `“${ours.title}” was changed on another device too.`,
      theirs.title !== undefined && `The title there: “${theirs.title}”.`,
      theirs.description !== undefined &&
        `The notes there: ${quoted(theirs.description)}. The notes here: ${quoted(ours.description)}.`,
    ]
      .filter(Boolean)
      .join(' '),
  deletedElsewhere: (title: string) => `“${title}” was deleted on another device.`,
  changedElsewhere: (title: string) =>
    `“${title}” was changed on another device, so it is not deleted.`,
  refused: (title: string, detail: string) =>
    `“${title}” could not be saved: ${detail.replace(/\.$/, '')}.`,
  /** What the API says of a field of a task, with the name that the app has for it. */
  fieldFault: (field: string, detail: string) =>
    Object.hasOwn(fields, field) ? `the ${fields[field as keyof typeof fields]} ${detail}` : detail,

  leaving: 'Deleting the tasks from this device…',
  leave: 'Your tasks stay in your account, and are deleted from this device.',
  /** When an emptied device has its tasks again, by what the last sync came to. */
  comeBack: (is = '') =>
    `This device fetches your tasks again when ${
      /^(signed-out|stranger)$/.test(is) ? 'you sign in' : 'it next reaches the server'
    }.`,
  losing: (act: string, changes: number) =>
    `${text.unsent(changes)} ${act} deletes ${changes === 1 ? 'it' : 'them'} from this device.`,
  passwordRules: 'At least 8 characters. A few words in a row are easy to remember.',

  /** Why signing in or up failed. */
  signIn: (fault: Fault): string => {
    if (fault === 'unreachable')
      return 'No connection. Signing in needs the network; your tasks do not.'
    if (fault.status === 401) return 'That e-mail and password do not go together.'
    return text.account(fault)
  },

  /** Why something that concerns the account failed. */
  account: (fault: Fault): string => {
    if (fault === 'unreachable') return 'No connection. This needs the network.'
    const { status, request_id, retryAfter = 60, detail } = fault
    if (status === 401) return text.signedOutElsewhere(0)
    if (status === 409) return 'There is an account with this e-mail. Sign in instead?'
    if (status === 429) return `Too many tries. Try again in ${count(retryAfter || 60, 'second')}.`
    if (cannotMail(fault)) return 'This server is not set up to send mails. Ask whoever runs it.'
    if (status === 503) return 'The server is busy. Try again in a moment.'
    if (status >= 500) return `Something broke on our side.${coded(request_id)}`
    return detail || 'The server did not understand this. Reload the page and try again.'
  },
}
