import type { ComponentProps } from 'preact'

/** Paths on the grid of Lucide (https://lucide.dev, ISC License, © Lucide Contributors). */
const paths = {
  today:
    'M8 2v4M16 2v4M3 10h18M5 4h14a2 2 0 0 1 2 2v14a2 2 0 0 1-2 2H5a2 2 0 0 1-2-2V6a2 2 0 0 1 2-2M9 16l2 2 4-4',
  upcoming:
    'M8 2v4M16 2v4M3 10h18M5 4h14a2 2 0 0 1 2 2v14a2 2 0 0 1-2 2H5a2 2 0 0 1-2-2V6a2 2 0 0 1 2-2',
  all: 'M3 12h.01M3 18h.01M3 6h.01M8 12h13M8 18h13M8 6h13',
  done: 'M18 6 7 17l-5-5M22 10l-7.5 7.5L13 16',
  tag: 'M4 9h16M4 15h16M10 3 8 21M16 3l-2 18',
  settings: 'M21 4h-7M10 4H3M21 12h-9M8 12H3M21 20h-5M12 20H3M14 2v4M8 10v4M16 18v4',
  add: 'M5 12h14M12 5v14',
  search: 'M21 21l-4.3-4.3M19 11a8 8 0 1 1-16 0 8 8 0 0 1 16 0',
  check: 'M20 6 9 17l-5-5',
  more: 'M12 5h.01M12 12h.01M12 19h.01',
  close: 'M18 6 6 18M6 6l12 12',
  high: 'M12 19V5M5 12l7-7 7 7',
  low: 'M12 5v14M19 12l-7 7-7-7',
  help: 'M9.1 9a3 3 0 0 1 5.8 1c0 2-3 3-3 3M12 17h.01M22 12a10 10 0 1 1-20 0 10 10 0 0 1 20 0',
  leave: 'M9 21H5a2 2 0 0 1-2-2V5a2 2 0 0 1 2-2h4M16 17l5-5-5-5M21 12H9',
  open: 'M9 18l6-6-6-6',
  notes: 'M21 6H3M15 12H3M17 18H3',
  grip: 'M9 5h.01M9 12h.01M9 19h.01M15 5h.01M15 12h.01M15 19h.01',
  trash: 'M3 6h18M19 6v14a2 2 0 0 1-2 2H7a2 2 0 0 1-2-2V6M8 6V4a2 2 0 0 1 2-2h4a2 2 0 0 1 2 2v2',
}

export type IconName = keyof typeof paths

export const Icon = ({ name }: { name: IconName }) => (
  <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
    <path d={paths[name]} />
  </svg>
)

type Props = { icon: IconName; label: string } & ComponentProps<'button'>

export const IconButton = ({ icon, label, ...rest }: Props) => (
  <button type="button" class="icon-button" aria-label={label} {...rest}>
    <Icon name={icon} />
  </button>
)
