#include "CPlatform.h"

#include <string.h>

/* The remainder of each half byte, for the Castagnoli polynomial 0x1EDC6F41 in reflected bit order. */
static const uint32_t half_bytes[16] = {
    0x00000000, 0x105EC76F, 0x20BD8EDE, 0x30E349B1,
    0x417B1DBC, 0x5125DAD3, 0x61C69362, 0x7198540D,
    0x82F63B78, 0x92A8FC17, 0xA24BB5A6, 0xB21572C9,
    0xC38D26C4, 0xD3D3E1AB, 0xE330A81A, 0xF36E6F75,
};

uint32_t platform_crc32c_portable(uint32_t crc, const uint8_t *bytes, size_t count) {
    crc = ~crc;
    while (count--) {
        crc ^= *bytes++;
        crc = half_bytes[crc & 15] ^ crc >> 4;
        crc = half_bytes[crc & 15] ^ crc >> 4;
    }
    return ~crc;
}

#if defined(__x86_64__)

#include <nmmintrin.h>
#include <sys/platform/x86.h>

#define INSTRUCTION "sse4.2"
#define ADD_WORD _mm_crc32_u64
#define ADD_BYTE _mm_crc32_u8

/*
 * The C library asked the CPU at the start. __builtin_cpu_supports would ask again, which is slow in a
 * virtual machine.
 */
static int has_instruction(void) { return CPU_FEATURE_ACTIVE(SSE4_2); }

#elif defined(__AARCH64EL__)

#include <arm_acle.h>
#include <sys/auxv.h>

#define INSTRUCTION "crc"
#define ADD_WORD __crc32cd
#define ADD_BYTE __crc32cb

static int has_instruction(void) { return (getauxval(AT_HWCAP) & HWCAP_CRC32) != 0; }

#endif

#ifdef INSTRUCTION

__attribute__((target(INSTRUCTION)))
static uint32_t accelerated(uint32_t crc, const uint8_t *bytes, size_t count) {
    uint64_t state = ~crc, word; /* The upper half of state, which only x86-64 has, stays 0. */
    for (; count >= sizeof word; count -= sizeof word, bytes += sizeof word) {
        memcpy(&word, bytes, sizeof word);
        state = ADD_WORD(state, word);
    }
    while (count--) state = ADD_BYTE((uint32_t)state, *bytes++);
    return ~(uint32_t)state;
}

uint32_t platform_crc32c(uint32_t crc, const uint8_t *bytes, size_t count) {
    return has_instruction() ? accelerated(crc, bytes, count) : platform_crc32c_portable(crc, bytes, count);
}

#else

uint32_t platform_crc32c(uint32_t crc, const uint8_t *bytes, size_t count) {
    return platform_crc32c_portable(crc, bytes, count);
}

#endif
