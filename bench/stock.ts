/** What one request has for itself: headers, and a path where that differs too. */
export type Own = { path?: string; headers: Record<string, string> }

/** Gives each request something of its own, such as a cookie that is good for one request. */
export type Stock = {
  take: () => Own
  /** Takes from a reply what it brings for another request. */
  keep: (own: Own, header: (name: string) => string | null | undefined) => void
}

/** A stock of these items. The reply to each request renews the item that was taken for it. */
export const stockOf = (
  items: Own[],
  renew: (own: Own, header: Parameters<Stock['keep']>[1]) => Own | undefined
): Stock => {
  const unused = [...items]
  return {
    // When nothing is left the reply is a 404, which the caller reports.
    take: () => unused.pop() ?? { path: '/nothing-left', headers: {} },
    keep: (own, header) => {
      const renewed = renew(own, header)
      if (renewed) unused.push(renewed)
    },
  }
}
