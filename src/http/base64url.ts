import { encodeBase64Url } from 'hono/utils/encode'

/** Base64url without padding (RFC 4648, section 5), which hono leaves on. */
export const base64Url = (bytes: ArrayBufferLike) => encodeBase64Url(bytes).replaceAll('=', '')
