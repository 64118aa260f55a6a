export { FieldMaskError, type FieldMaskViolation, resolveUpdateMask, type UpdateMaskOptions } from "./field-mask.ts";
export { PageSizeError, type PageSizeLimits, resolvePageSize } from "./page-size.ts";
export {
  decodePageToken,
  encodePageToken,
  maxPageTokenLength,
  type PageArguments,
  type PageArgumentValue,
  type PagePosition,
  PageTokenError,
  type PageTokenErrorReason,
} from "./page-token.ts";
