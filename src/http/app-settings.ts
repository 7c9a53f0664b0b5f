export type AppSettings = {
  /** Where the API is reached from outside, without a slash at the end. */
  publicUrl: string;
  /** Origins of browsers; `*` for any, empty for none. */
  allowedOrigins: readonly string[];
  /** Addresses and networks whose X-Forwarded-* headers are believed. */
  trustedProxies: readonly string[];
};
