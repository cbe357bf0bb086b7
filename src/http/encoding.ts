import { encodeBase64Url } from 'hono/utils/encode'

/** Base64url without padding (RFC 4648, section 5), which hono leaves on. */
export const base64Url = (bytes: ArrayBufferLike) => encodeBase64Url(bytes).replaceAll('=', '')

/** A new token, 256 random bits, and its SHA-256, which is all that the database knows of it. */
export const newToken = async () => {
  const token = base64Url(crypto.getRandomValues(new Uint8Array(32)).buffer)
  return { token, hash: await sha256Hex(token) }
}

/** The SHA-256 of a text in UTF-8, as 64 hexadecimal digits. */
export const sha256Hex = async (text: string): Promise<string> => {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
