/* The floors of the storage engine: what one C thread with libsodium needs for the same frames, disk and all.
 *
 *     file open FILE PASSPHRASE-FILE           reads, opens and chains every frame
 *     file check FILE PASSPHRASE-FILE          reads and opens every frame
 *     file rewrite FILE PASSPHRASE-FILE NEW    reads and opens every frame, seals and writes it, syncs
 *     file seal COUNT NEW                      seals COUNT frames of 176 bytes, writes them at once, syncs
 *     file append COUNT NEW                    COUNT times: writes 176 bytes, syncs
 *     file commit COUNT NEW CHECKPOINT    the same, with the other system calls of a change: vault-format.md, sections 8 and 10
 *
 * Prints nanoseconds: of the whole, or of each append. Nothing of finding the key is counted, nor what a process takes to start.
 * It computes no CRC, keeps no names and looks at no rule: a program that does less than this opens no vault. */
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { checkpoint_size = 1024, header_count = 512, log_start = 4608, overhead = 32, prefix = 48, window_count = 1 << 18, piece_count = 1 << 20 };

static unsigned char frame_key[32], plaintext[1 << 21], window[1 << 22];

static void fail(const char *what) {
    fprintf(stderr, "file: %s\n", what);
    exit(1);
}

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000ull + time.tv_nsec;
}

static uint32_t u32(const unsigned char *at) {
    uint32_t value;
    memcpy(&value, at, 4);
    return value;
}

static uint64_t u64(const unsigned char *at) {
    uint64_t value;
    memcpy(&value, at, 8);
    return value;
}

/* vault-format.md, section 3: from the passphrase in the file to the frame key. */
static void find_key(int fd, const char *passphrase_file) {
    unsigned char header[header_count], x[64], master[32], message[14 + 480];
    char passphrase[1025];
    int file = open(passphrase_file, O_RDONLY);
    ssize_t count = file < 0 ? -1 : read(file, passphrase, sizeof passphrase);
    const unsigned char *slot = header + 128;
    if (count <= 0 || pread(fd, header, sizeof header, 0) != sizeof header) fail("cannot read");
    if (passphrase[count - 1] == '\n') count--;
    if (crypto_pwhash(x, sizeof x, passphrase, count, slot + 16, u32(slot + 4), (size_t)u32(slot + 8) << 10, crypto_pwhash_ALG_ARGON2ID13) ||
        crypto_secretbox_open_easy(master, slot + 56, 48, slot + 32, x))
        fail("wrong passphrase");
    memcpy(message, "vault-1 frames", 14);
    memcpy(message + 14, header, 480);
    crypto_generichash(frame_key, 32, message, sizeof message, master, 32);
    close(file);
}

/* A window over a file, read on in pieces. */
static struct { int fd; uint64_t start, end, length; } seen;

static const unsigned char *bytes(uint64_t offset, size_t count) {
    if (offset < seen.start || offset + count > seen.end) {
        ssize_t got = pread(seen.fd, window, count > window_count ? count : window_count, offset);
        if (got < (ssize_t)count) fail("the file ends");
        seen.start = offset;
        seen.end = offset + got;
    }
    return window + (offset - seen.start);
}

/* Opens the frame at `offset` into `plaintext`; returns the length of its box. */
static uint32_t open_frame(uint64_t offset, unsigned char tag[16]) {
    uint32_t box = u32(bytes(offset, overhead));
    const unsigned char *frame = bytes(offset, overhead + box);
    if (crypto_secretbox_open_easy(plaintext, frame + overhead, box, frame + 8, frame_key)) fail("a frame does not open");
    memcpy(tag, frame + overhead, 16);
    return box;
}

static void walk(void) {
    unsigned char tag[16];
    for (uint64_t offset = log_start; offset < seen.length;) offset += overhead + open_frame(offset, tag);
}

static void chain(void) {
    unsigned char header[header_count], before[16], tag[16];
    uint64_t seq, offset = log_start;
    if (pread(seen.fd, header, sizeof header, 0) != sizeof header) fail("cannot read");
    seq = u64(header + 56);
    memcpy(before, header + 480, 16);
    while (offset < seen.length) {
        offset += overhead + open_frame(offset, tag);
        if (u64(plaintext + 8) != ++seq || memcmp(plaintext + 16, before, 16)) fail("the chain is broken");
        memcpy(before, tag, 16);
    }
}

static void all_of(int fd, const unsigned char *from, size_t count) {
    while (count > 0) {
        ssize_t done = write(fd, from, count);
        if (done <= 0) fail("cannot write");
        from += done;
        count -= done;
    }
}

/* Seals `plaintext` behind what is in `piece`, naming the tag before. */
static size_t seal_frame(unsigned char *piece, size_t used, uint32_t box, uint64_t offset, unsigned char nonce[24], unsigned char tag[16]) {
    unsigned char *frame = piece + used;
    memcpy(plaintext + 16, tag, 16);
    memcpy(nonce + 16, &offset, 8);
    memcpy(frame, &box, 4);
    memset(frame + 4, 0, 4);
    memcpy(frame + 8, nonce, 24);
    crypto_secretbox_easy(frame + overhead, plaintext, box - 16, nonce, frame_key);
    memcpy(tag, frame + overhead, 16);
    return used + overhead + box;
}

static void rewrite(int new) {
    unsigned char *piece = malloc(piece_count + (1 << 21)), nonce[24] = {0}, tag[16] = {0}, old[16];
    size_t used = 0;
    randombytes_buf(nonce, 16);
    for (uint64_t offset = log_start; offset < seen.length;) {
        uint32_t box = open_frame(offset, old);
        used = seal_frame(piece, used, box, offset, nonce, tag);
        if (used >= piece_count) all_of(new, piece, used), used = 0;
        offset += overhead + box;
    }
    all_of(new, piece, used);
    if (fdatasync(new)) fail("cannot sync");
}

static void seal(int new, size_t count) {
    unsigned char *piece = malloc(count * 176), nonce[24] = {0}, tag[16] = {0};
    size_t used = 0;
    randombytes_buf(nonce, 16);
    while (used < count * 176) used = seal_frame(piece, used, 144, log_start + used, nonce, tag);
    all_of(new, piece, used);
    if (fdatasync(new)) fail("cannot sync");
}

/* Whether the path still names the file that is open, and the file has its header. */
static void look_at(const char *path, int file) {
    struct stat status;
    int there = open(path, O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (there < 0 || fstat(there, &status)) fail("cannot open");
    close(there);
    if (pread(file, window, 512, 0) < 0) fail("cannot read");
}

static void commit(int count, int file, const char *path, const char *checkpoint_path) {
    int checkpoint = open(checkpoint_path, O_CREAT | O_RDWR, 0600);
    struct stat status;
    off_t end = log_start;
    char real[PATH_MAX];
    if (checkpoint < 0 || pwrite(checkpoint, window, checkpoint_size, 0) != checkpoint_size) fail("cannot write");
    if (pwrite(file, window, log_start, 0) != log_start) fail("cannot write");
    for (int i = 0; i < count; i++) {
        uint64_t start = now();
        if (flock(file, LOCK_EX | LOCK_NB)) fail("cannot lock");
        look_at(path, file);
        if (!realpath(path, real) || fstat(checkpoint, &status) || pread(checkpoint, window, checkpoint_size + 1, 0) != checkpoint_size) {
            fail("cannot read the checkpoint");
        }
        if (fstat(file, &status) || pread(file, window, 16, end - 144) != 16) fail("cannot read");
        randombytes_buf(window, 16);
        if (pwrite(file, window, 176, end) != 176 || fdatasync(file)) fail("cannot write");
        end += 176;
        look_at(path, file);
        if (fstat(file, &status) || pread(file, window, 16, end - 144) != 16) fail("cannot read");
        if (pwrite(checkpoint, window, checkpoint_size, 0) != checkpoint_size || fstat(checkpoint, &status)) fail("cannot write");
        if (flock(file, LOCK_UN)) fail("cannot write");
        printf("%llu\n", (unsigned long long)(now() - start));
    }
}

int main(int count, char **words) {
    uint64_t start;
    const char *what = count > 1 ? words[1] : "";
    if (sodium_init() < 0 || count < 4) return 2;
    if (!strcmp(what, "seal") || !strcmp(what, "append") || (!strcmp(what, "commit") && count == 5)) {
        int new = open(words[3], O_CREAT | O_RDWR | (strcmp(what, "commit") ? O_APPEND : 0), 0600);
        if (new < 0) fail("cannot create");
        if (!strcmp(what, "commit")) {
            commit(atoi(words[2]), new, words[3], words[4]);
            return 0;
        }
        if (!strcmp(what, "append")) {
            for (int i = 0; i < atoi(words[2]); i++) {
                start = now();
                all_of(new, window, 176);
                if (fdatasync(new)) fail("cannot sync");
                printf("%llu\n", (unsigned long long)(now() - start));
            }
            return 0;
        }
        randombytes_buf(frame_key, sizeof frame_key);
        start = now();
        seal(new, atoi(words[2]));
    } else {
        seen.fd = open(words[2], O_RDONLY);
        if (seen.fd < 0) fail("cannot open");
        find_key(seen.fd, words[3]);
        seen.length = lseek(seen.fd, 0, SEEK_END);
        start = now();
        if (!strcmp(what, "open")) chain();
        else if (!strcmp(what, "check")) walk();
        else if (!strcmp(what, "rewrite") && count == 5) {
            int new = open(words[4], O_CREAT | O_TRUNC | O_WRONLY, 0600);
            if (new < 0) fail("cannot create");
            start = now();
            rewrite(new);
        } else return 2;
    }
    printf("%llu\n", (unsigned long long)(now() - start));
    return 0;
}
