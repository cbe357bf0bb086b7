// Runs in the page before anything else. It notes when the first row is painted, when the largest
// thing is painted, how much the page shifts without an input, and how long each event takes.
const seen = { rows: 0, lcp: 0, shifts: 0, events: [] }
globalThis.seen = seen

const observe = (type, note, options = {}) =>
  new PerformanceObserver((list) => list.getEntries().forEach(note)).observe({
    type,
    buffered: true,
    ...options,
  })

observe('largest-contentful-paint', ({ startTime }) => {
  seen.lcp = startTime
})
observe('layout-shift', ({ hadRecentInput, value }) => {
  if (!hadRecentInput) seen.shifts += value
})
observe('event', ({ duration }) => seen.events.push(duration), { durationThreshold: 16 })

new MutationObserver((_, observer) => {
  if (!document.querySelector('.list .row')) return
  observer.disconnect()
  // A task of its own after the frame: the rows have been painted.
  requestAnimationFrame(() => {
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => {
      seen.rows = performance.now()
    }
    port2.postMessage(undefined)
  })
}).observe(document, { childList: true, subtree: true })
