/*
 * The parts of the C library and the kernel that Swift cannot import: macros, variadic functions, GNU
 * extensions, a CPU instruction and a signal handler. Nothing here knows of secrets or of the vault.
 */
#pragma once

#include <dirent.h>
#include <spawn.h>
#include <stddef.h>
#include <stdint.h>

/* Continues the CRC32C (Castagnoli) checksum crc, which is 0 at the start, with bytes[0, count). */
uint32_t platform_crc32c(uint32_t crc, const uint8_t *bytes, size_t count);

/* The same without the CPU's instruction; public for the test that compares the two. */
uint32_t platform_crc32c_portable(uint32_t crc, const uint8_t *bytes, size_t count);

/* renameat2(RENAME_NOREPLACE): 0, or -1 with errno. */
int platform_rename_without_replacing(const char *from, const char *to);

/* renameat2(RENAME_EXCHANGE): 0, or -1 with errno. */
int platform_rename_exchanging(const char *one, const char *other);

/*
 * Copies the owner, the mode and the extended attributes of one open file to another: 0, or -1 with errno.
 * Attributes that the system or the file system refuses are skipped, except those that keep other
 * users out: the owner, access control lists and the bits of the mode.
 */
int platform_copy_attributes(int from, int to);

/*
 * Returns the offset of the first data at or after offset, the end of the file if there is none, or -1 with
 * errno.
 */
int64_t platform_next_data(int fd, int64_t offset);

/* O_PATH, for open: a descriptor that identifies a file and cannot read or write it. */
extern const int platform_path_only;

/*
 * Gets the device and inode of an open file from this kernel's caches, without asking a server or a driver:
 * 0, or -1 with errno.
 */
int platform_known_identity(int fd, uint64_t *device, uint64_t *inode);

/* Starts writing count bytes at offset to the disk, without waiting for them. */
void platform_start_sync(int fd, int64_t offset, int64_t count);

/* The name in a directory entry, which C keeps in a flexible array. */
const char *platform_entry_name(const struct dirent *entry);

/*
 * Restores the default action of each crash signal that has a handler (an ignored signal stays ignored, for a
 * program that replaces this one), and forbids core dumps and ptrace by the same user. A write beyond the
 * file size limit or to a closed pipe fails from then on instead of killing the process.
 */
void platform_harden(void);

/*
 * Undoes those effects of platform_harden that execve passes on: the core dump limit and the ignored signals
 * of writes.
 */
void platform_soften(void);

/*
 * Makes a spawned program start with the write signals and the blocked signals as this process had them: 0,
 * or an error number.
 */
int platform_spawn_softened(posix_spawnattr_t *attributes);

/* Makes a spawned program start with no descriptors but the standard ones: 0, or an error number. */
int platform_spawn_closing_others(posix_spawn_file_actions_t *actions);

/*
 * Blocks the signals that would end this process, in the calling thread, until platform_stop_deferring: a
 * descriptor that is readable while one of them is pending, or -1 with errno. SIGKILL and the faults, which
 * the kernel sends for an error of the program, cannot wait. platform_stop_deferring lets the pending ones
 * take effect.
 */
int platform_defer_signals(void);
void platform_stop_deferring(int fd);

/* Ignores the signals of Ctrl-C and Ctrl-\, deferred or not, until platform_heed_keys. */
void platform_ignore_keys(void);
void platform_heed_keys(void);

/* The arguments of main, the program's name first, ended by NULL. */
char **platform_arguments(void);

/* The environment of this process, as execve takes it. */
char **platform_environment(void);

/*
 * Prompts. From begin to end, signals that would end, stop or continue the process are only recorded, so that
 * a terminal is never left without echo. They are delivered only while wait_readable waits, so none is
 * missed.
 *
 * wait_readable returns 0 when fd can be read, the number of a signal that arrived, or -1 with errno, which
 * is ETIMEDOUT after the given milliseconds; a negative number waits without a limit. end returns the number
 * of a signal that arrived since begin, or 0. SIGTSTP and SIGCONT are reported only if no other signal
 * arrived, and of the two the later. SIGTSTP asks to restore the terminal and stop; SIGCONT means that the
 * terminal may have changed while the process was stopped.
 */
void platform_prompt_begin(void);
int platform_prompt_wait_readable(int fd, int milliseconds);
int platform_prompt_end(void);

/* Returns 1 if this process is in the foreground of the terminal fd. */
int platform_is_in_foreground(int fd);

/*
 * Waits until this process is in the foreground of the terminal fd, stopped like any background job that
 * reads: 0; 1 if no shell can bring it there; or -1 with errno.
 */
int platform_wait_for_foreground(int fd);

/*
 * Waits for the turn to prompt at a terminal, or gives it back. One process of a job has it at a time; other
 * jobs are in the background and never wait for it. The turn is a lock on one byte of the file behind lock,
 * and ends with the process.
 */
void platform_set_turn(int lock, int terminal, int is_taken);

/*
 * Creates a file in memory that can be sealed and is inherited by other programs: a descriptor, or -1 with
 * errno.
 */
int platform_memory_file(void);

/* Seals a memory file against writing, growing, shrinking and further seals: 0, or -1 with errno. */
int platform_seal(int fd);

/* Returns 1 if the file system of a path is in memory (tmpfs, ramfs). */
int platform_is_in_memory(const char *path);

/* pipe2(O_CLOEXEC): 0, or -1 with errno. */
int platform_pipe(int ends[2]);

/*
 * bind and connect for a local stream socket: 0, or -1 with errno, which is ENAMETOOLONG if the path is too
 * long.
 */
int platform_socket_bind(int fd, const char *path);
int platform_socket_connect(int fd, const char *path);

/* Accepts a connection, non-blocking and close-on-exec: a descriptor, or -1 with errno. */
int platform_socket_accept(int fd);

/* Gets the user and the process at the other end: 0, or -1 with errno. */
int platform_socket_peer(int fd, uint32_t *user, int32_t *process);

/*
 * Gets the owner of the TCP socket that is connected from one port of 127.0.0.1, or of ::1, to another: 0, or
 * -1 with errno, which is ENOENT if there is none.
 */
int platform_loopback_owner(int is_ipv6, uint16_t from, uint16_t to, uint32_t *user);

/* send(2) with at most 4 descriptors: the number of bytes sent, or -1 with errno. */
int64_t platform_socket_send(int fd, const void *bytes, size_t count, const int *descriptors, size_t number);

/* recv(2) with at most 253 descriptors, close-on-exec: the number of bytes received, or -1 with errno. */
int64_t platform_socket_receive(int fd, void *bytes, size_t count, int *descriptors, size_t *number);

/* Shuts a connection down. Returns 1 if nothing that was sent over it is left unread. */
int platform_socket_shut_down(int fd);

/* Creates an eventfd, which is readable after 8 bytes were written to it: a descriptor, or -1 with errno. */
int platform_wakeup(void);

/*
 * Creates and sets a timer on the boot clock, which counts sleep. It is readable from that moment on; 0
 * disarms it.
 */
int platform_boot_timer(void);
int platform_boot_timer_set(int fd, uint64_t nanoseconds);

/*
 * Starts this program again, with three words as its arguments, in a new session and with variables, ended by
 * NULL, as its environment: 0, or an error number. Its standard input is input, or /dev/null if that is
 * negative, its standard output is output, its standard error is /dev/null, and it has no other descriptors.
 */
int platform_start_detached(
    const char *name, const char *first, const char *second, char *const *variables, int input, int output);

/*
 * Prepares a process that outlives its parent: core dumps are forbidden for good, a closed terminal or pipe
 * no longer kills it, it may open as many files as the system allows, and the process list shows it as name.
 */
void platform_detach(const char *name);

/* The version of the C library at run time. */
const char *platform_c_library_version(void);

/*
 * Waits until fd can be read or is at its end: 1; or until the child has ended, which stays to be waited for,
 * and there is nothing left to read: 0; or -1 with errno, which is ETIMEDOUT after the given milliseconds. A
 * negative number waits without a limit; a negative fd can never be read.
 */
int platform_wait_readable_or_ended(int fd, int child, int milliseconds);

/*
 * Makes writing to a pipe never wait, and the pipe hold no more than a page, so that it can be written to
 * only after all that was written before has been read, where the kernel allows that: 0, or -1 with errno.
 */
int platform_make_small_pipe(int fd);

/* The number of bytes in a pipe that nobody has read yet, by either of its ends, or -1 with errno. */
int platform_unread(int fd);

/* The exit status in a status of waitpid, 0 to 255, or -1 if a signal ended the process. */
int platform_exit_status(int status);
