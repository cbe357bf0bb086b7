import type { ComponentProps } from 'preact'

type Props = ComponentProps<'button'>

/** A button among words, which looks like a link. */
export const LinkButton = (props: Props) => <button type="button" class="link" {...props} />

/** A button that stands back. */
export const QuietButton = (props: Props) => <button type="button" class="quiet" {...props} />
