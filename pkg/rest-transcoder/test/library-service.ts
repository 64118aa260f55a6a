import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, type ServiceImpl } from "@connectrpc/connect";
import {
  AuthorSchema,
  BookSchema,
  type LibraryService,
  MessageSchema,
  type MessagingService,
} from "./gen/library/v1/library_pb.ts";

/** The etag of every book, as its field has it. */
export const BOOK_ETAG = "v 1";

/** Any name is a book's, but those of shelf 404, where there are none. */
export function bookNamed(name: string, title = "Emma") {
  if (name.startsWith("shelves/404/")) throw new ConnectError("there is no such book", Code.NotFound);
  return create(BookSchema, { name, title, etag: BOOK_ETAG });
}

/** As a service has it that follows AIP-154. */
function assertEtag(etag: string | undefined): void {
  if (etag && etag !== BOOK_ETAG) throw new ConnectError("the book has changed", Code.Aborted);
}

const EMPTY_SHELF = "shelves/empty";

export const libraryService: ServiceImpl<typeof LibraryService> = {
  getBook: ({ name, isbn }) => bookNamed(name || `shelves/1/books/${isbn}`),
  getFeaturedBook: ({ shelf }) => bookNamed(`shelves/${shelf}/books/1`),
  listBooks: ({ parent, pageSize }) => ({
    books: Array.from({ length: pageSize }, (_, index) => bookNamed(`${parent}/books/${index}`)),
  }),
  searchBooks: () => ({}),
  createBook: ({ parent, bookId, book }) => bookNamed(`${parent}/books/${bookId}`, book?.title),
  updateBook: ({ book }) => {
    assertEtag(book?.etag);
    return bookNamed(book?.name ?? "");
  },
  replaceBook: ({ book }) => {
    assertEtag(book?.etag);
    return bookNamed(book?.name ?? "");
  },
  deleteBook: ({ etag }) => {
    assertEtag(etag);
    return {};
  },
  archiveBook: ({ name }) => bookNamed(name),
  checkoutBook: ({ name }) => bookNamed(name),
  browseCatalog: ({ path }) => bookNamed(path),
  tagBook: () => ({}),
  listTitles: ({ parent }) => ({ titles: parent === EMPTY_SHELF ? [] : ["Emma", "Persuasion"] }),
  getAuthor: ({ name }) =>
    name.startsWith(EMPTY_SHELF) ? {} : { author: create(AuthorSchema, { fullName: "Jane Austen" }) },
  getDueTime: ({ name }) => (name.startsWith(EMPTY_SHELF) ? {} : { dueTime: timestampFromDate(new Date(0)) }),
  countBooks: ({ parent }) => ({ count: parent === EMPTY_SHELF ? 0n : 9_007_199_254_740_993n }),
  getFile: ({ name }) => ({ contentType: "text/plain; charset=latin1", data: Buffer.from(name, "latin1") }),
  uploadFile: ({ contentType, data }) => ({ contentType, sizeBytes: BigInt(data.length) }),
  uploadCover: ({ cover }) => ({
    contentType: cover?.contentType ?? "none",
    sizeBytes: BigInt(cover?.data.length ?? -1),
  }),
  getCover: ({ name }) =>
    name.startsWith(EMPTY_SHELF) ? {} : { name, cover: { contentType: "image/png", data: Uint8Array.of(0x89, 0xff) } },
  watchBooks: async function* ({ parent }) {
    yield bookNamed(`${parent}/books/1`);
  },
  importBooks: async () => ({}),
  auditBooks: () => ({}),
};

export const messagingService: ServiceImpl<typeof MessagingService> = {
  getMessage: ({ messageId }) => create(MessageSchema, { messageId, text: "Hi!" }),
  updateMessage: ({ messageId, message }) => create(MessageSchema, { messageId, text: message?.text ?? "" }),
  replaceMessage: (message) => message,
};
