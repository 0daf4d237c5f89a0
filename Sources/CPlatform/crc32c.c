#include "CPlatform.h"

#include <string.h>

#define POLYNOMIAL 0x82F63B78u /* Castagnoli, reflected */

uint32_t platform_crc32c_portable(uint32_t crc, const uint8_t *bytes, size_t count) {
    crc = ~crc;
    while (count--) {
        crc ^= *bytes++;
        for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ (POLYNOMIAL & -(crc & 1));
    }
    return ~crc;
}

#if defined(__x86_64__)
#include <immintrin.h>
#include <sys/platform/x86.h>

__attribute__((target("sse4.2"))) static uint32_t accelerated(uint32_t crc, const uint8_t *bytes, size_t count) {
    uint64_t state = ~crc, word;
    for (; count >= 8; count -= 8, bytes += 8) {
        memcpy(&word, bytes, 8);
        state = _mm_crc32_u64(state, word);
    }
    uint32_t narrow = (uint32_t)state;
    while (count--) narrow = _mm_crc32_u8(narrow, *bytes++);
    return ~narrow;
}

uint32_t platform_crc32c(uint32_t crc, const uint8_t *bytes, size_t count) {
    /* The C library knows already; the compiler's own question would ask the CPU again at every start, which is slow in a virtual
     * machine. */
    return CPU_FEATURE_ACTIVE(SSE4_2) ? accelerated(crc, bytes, count) : platform_crc32c_portable(crc, bytes, count);
}

#elif defined(__ARM_FEATURE_CRC32)
#include <arm_acle.h>

uint32_t platform_crc32c(uint32_t crc, const uint8_t *bytes, size_t count) {
    uint64_t word;
    crc = ~crc;
    for (; count >= 8; count -= 8, bytes += 8) {
        memcpy(&word, bytes, 8);
        crc = __crc32cd(crc, word);
    }
    while (count--) crc = __crc32cb(crc, *bytes++);
    return ~crc;
}

#else

uint32_t platform_crc32c(uint32_t crc, const uint8_t *bytes, size_t count) {
    return platform_crc32c_portable(crc, bytes, count);
}

#endif
