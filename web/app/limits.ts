import type { Fields } from './changes.ts'
import { text } from './text.ts'

/** In letters, as the server counts them: an emoji is one. */
const most = { title: 255, description: 10_000, tag: 50 }
const mostTags = 20

const lengthOf = (words: string) => [...words].length

type Written = Partial<Pick<Fields, 'title' | 'description' | 'tags'>>

/** What the server would not take, by field. It is said, and never cut. */
export const faultsIn = ({ title, description, tags = [] }: Written) => {
  const faults: Partial<Record<keyof Written, string>> = {}
  if (title === '') faults.title = text.titleMissing
  if (lengthOf(title ?? '') > most.title) faults.title = text.titleTooLong
  if (lengthOf(description ?? '') > most.description) faults.description = text.notesTooLong
  if (tags.some((tag) => lengthOf(tag) > most.tag)) faults.tags = text.tagTooLong
  else if (tags.length > mostTags) faults.tags = text.tooManyTags
  return faults
}
