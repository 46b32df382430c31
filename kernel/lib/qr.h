/* QR codes: ISO/IEC 18004. Bytes, with error correction of level L. */
#pragma once

#include "kernel/lib/types.h"

#define QR_MAX_VERSION 20
#define QR_MAX_SIZE    (17 + 4 * QR_MAX_VERSION)
#define QR_MAX_BYTES   858

struct qr {
	int version, size;                   /* modules a side */
	u8 module[QR_MAX_SIZE][QR_MAX_SIZE]; /* [row][column]: 1 is dark; QR_FIXED besides */
	u8 data[1085], codewords[1085];      /* before and after the blocks are interleaved */
};

/* Encode `n` bytes in the smallest version that holds them. False: they do not fit. */
bool qr_encode(struct qr *qr, const u8 *text, size_t n);
static inline bool qr_dark(const struct qr *qr, int row, int column)
{
	return qr->module[row][column] & 1;
}
