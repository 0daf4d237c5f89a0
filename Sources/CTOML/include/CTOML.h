/* A TOML 1.0 document as a flat list of items, read by toml++, which Swift cannot import. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What toml_read found. */
struct toml_items {
    /* The items, or a description of the syntax error; NULL if there is not enough memory. */
    uint8_t *bytes;
    size_t count;
    /* The line of the syntax error, counted from 1; 0 if there is none. */
    uint32_t error_line;
};

/*
 * Reads the document text[0, count). An item is a byte that names its kind, then its content; numbers are little-endian:
 *
 *   {  a table: its entries; then }. An entry: k, u32 line, u32 size, the key and the value's item
 *   [  an array: its values' items; then ]
 *   s  a string: u32 size, UTF-8 text
 *   i  an integer: i64
 *   b  a boolean: u8, 0 or 1
 *   f  a number with a fraction, without content
 *   d  a date or time, without content
 *
 * The first item is the root table. Arrays and tables are at most 64 deep, and the
 * document has at most 4,096 dots.
 */
struct toml_items toml_read(const uint8_t *text, size_t count);

/* Frees what toml_read returned. */
void toml_free(struct toml_items items);

#ifdef __cplusplus
}
#endif
