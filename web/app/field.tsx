import type { ComponentChildren, ComponentProps } from 'preact'

type Props = {
  label: string
  /** Where two forms have a field of the same name. */
  id?: string | undefined
  name: string
  tag?: 'input' | 'textarea' | 'select'
  hint?: string | undefined
  fault?: string | undefined
  /** A button beside the field. */
  button?: ComponentChildren
} & ComponentProps<'input'>

/** A field with its label, and below it what helps or what is wrong. */
export const Field = ({
  label,
  name,
  id = name,
  tag = 'input',
  hint,
  fault,
  button,
  ...rest
}: Props) => {
  const Tag = tag as 'input'
  const words = fault || hint
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <div class="beside">
        <Tag
          id={id}
          name={name}
          aria-invalid={fault ? true : undefined}
          aria-describedby={words && `${id}-words`}
          {...rest}
        />
        {button}
      </div>
      {words && (
        <p id={`${id}-words`} class={fault ? 'fault' : 'soft'}>
          {words}
        </p>
      )}
    </div>
  )
}
