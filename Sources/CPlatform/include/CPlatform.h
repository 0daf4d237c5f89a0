/* What Swift cannot import from the C library by itself: macros, variadic functions, a CPU instruction, and the one
 * thing that must happen inside a signal handler. Nothing here knows of secrets or of the vault. */
#pragma once

#include <dirent.h>
#include <spawn.h>
#include <stddef.h>
#include <stdint.h>

/* CRC32C (Castagnoli) of bytes[0, count), continued from crc; 0 begins. */
uint32_t platform_crc32c(uint32_t crc, const uint8_t *bytes, size_t count);

/* The portable computation, for CPUs without the instruction, and for the test that compares the two. */
uint32_t platform_crc32c_portable(uint32_t crc, const uint8_t *bytes, size_t count);

/* renameat2(RENAME_NOREPLACE): 0, or -1 with errno. */
int platform_rename_without_replacing(const char *from, const char *to);

/* renameat2(RENAME_EXCHANGE): 0, or -1 with errno. */
int platform_rename_exchanging(const char *one, const char *other);

/* Gives the file behind to the owner, mode and extended attributes of the file behind from: 0, or -1 with errno. What the system or the
 * file system does not let us set is left out, but for the owner and what keeps others out: access lists, and bits of the mode. */
int platform_copy_attributes(int from, int to);

/* Where the first data at offset or behind it lies, the end of the file if there is none, or -1. */
int64_t platform_next_data(int fd, int64_t offset);

/* A descriptor of what lies at path, to look at and not to read or write; or -1 with errno. */
int platform_open_path(const char *path);

/* The same, of a symbolic link itself. */
int platform_open_path_itself(const char *path);

/* Whether a descriptor is one of that kind, with O_PATH. */
int platform_is_path(int fd);

/* Which file an open one is, as far as this machine knows, without asking a server or a driver: 0, or -1 with errno. */
int platform_known_identity(int fd, uint64_t *device, uint64_t *inode);

/* Starts to write count bytes at offset to the disk, and does not wait. */
void platform_start_sync(int fd, int64_t offset, int64_t count);

/* The name in an entry of a directory, which C keeps in an array at the end of it. */
const char *platform_entry_name(const struct dirent *entry);

/* Default actions for the signals of a crash where a handler stands (an ignored one stays ignored, for the program that we
 * may become), no core dump, no ptrace by the same user. A write beyond the limit on file sizes, or to a pipe that nobody reads, fails
 * instead of killing. */
void platform_harden(void);

/* Gives back what platform_harden took and what execve would hand on: the limit on core dumps, the signals for failing
 * writes. */
void platform_soften(void);

/* Lets a program that is spawned have these signals as we had them: 0, or an error number. */
int platform_spawn_softened(posix_spawnattr_t *attributes);

/* The arguments of this process as main gets them, the program's name first; ended by NULL. (The language's own list is found by
 * reading /proc, which costs as much as all the rest of the start.) */
int platform_argument_count(void);
char **platform_arguments(void);

/* The environment of this process, as execve takes it. */
char **platform_environment(void);

/* Prompts. From begin to end the signals that would end the process, and those that stop and continue it, are noted and not obeyed, so
 * that a terminal is never left without its echo. They are let in only while wait_readable waits, so none slips through.
 *
 * wait_readable returns 0 when fd can be read, the number of a signal that came, or -1 with errno: ETIMEDOUT after so many milliseconds,
 * unless they are negative. end returns the number of a signal that came since begin, or 0. SIGTSTP and SIGCONT, of which the later one
 * counts, are reported only where no other signal came: the one asks to put the terminal back and to stop, the other tells that the
 * terminal may have changed while the process was stopped. */
void platform_prompt_begin(void);
int platform_prompt_wait_readable(int fd, int milliseconds);
int platform_prompt_end(void);

/* Whether this process is in the foreground of the terminal fd. */
int platform_is_in_foreground(int fd);

/* Waits until this process is in the foreground of the terminal fd, stopped like every program that asks in the background: 0; 1 if nobody
 * can bring it there; or -1 with errno. */
int platform_wait_for_foreground(int fd);

/* Waits for, or gives back, the turn to ask at a terminal, which one process of a foreground job has at a time. Processes of other jobs
 * never wait for it: they are in the background. The turn is a lock on one byte of the file behind lock, and ends with the process. */
void platform_take_turn(int lock, int terminal);
void platform_end_turn(int lock, int terminal);

/* A file in memory that can be sealed, and that programs inherit: a descriptor, or -1 with errno. */
int platform_memory_file(void);

/* Seals a memory file against writing, growing, shrinking and other seals: 0, or -1 with errno. */
int platform_seal(int fd);

/* pipe2(O_CLOEXEC): 0, or -1 with errno. */
int platform_pipe(int ends[2]);

/* bind and connect of a local stream socket; -1 with ENAMETOOLONG where the system's address has no room for the path. */
int platform_socket_bind(int fd, const char *path);
int platform_socket_connect(int fd, const char *path);

/* The next connection, which neither waits nor is handed on by execve. */
int platform_socket_accept(int fd);

/* The user and the number of the process at the other end: 0, or -1 with errno. */
int platform_socket_peer(int fd, uint32_t *user, int32_t *process);

/* The owner of the TCP socket that is connected from a port of 127.0.0.1, or of ::1, to another one: 0, or -1 with errno, which is ENOENT if
 * there is none. */
int platform_loopback_owner(int is_ipv6, uint16_t from, uint16_t to, uint32_t *user);

/* send(2) of the first bytes along with descriptors, at most 4: how many bytes went, or -1 with errno. */
int64_t platform_socket_send(int fd, const void *bytes, size_t count, const int *descriptors, size_t number);

/* recv(2) of bytes and of descriptors, at most 253, which are not inherited: how many bytes came, or -1 with errno. */
int64_t platform_socket_receive(int fd, void *bytes, size_t count, int *descriptors, size_t *number);

/* Ends a connection, and tells whether all that came over it was received. */
int platform_socket_is_empty(int fd);

/* A descriptor that is readable once 8 bytes were written to it (eventfd), or -1 with errno. */
int platform_wakeup(void);

/* A descriptor that is readable once the boot clock, which counts sleep, has reached a moment; 0 disarms it. */
int platform_boot_timer(void);
int platform_boot_timer_set(int fd, uint64_t nanoseconds);

/* Starts this program again, with three words as its arguments, in a session of its own and without an environment; its standard output
 * is fd, its other standard descriptors are /dev/null, and it has no others. 0, or an error number. */
int platform_start_detached(const char *name, const char *first, const char *second, int fd);

/* What a process does that outlives the one that started it: it forbids a core dump for good, ignores what a closed terminal or a
 * gone reader would kill it with, and has a name of its own in the list of processes. */
void platform_detach(const char *name);

/* The version of the C library, as it says itself. */
const char *platform_c_library_version(void);

/* Waits until fd can be read (which may be its end): 1; or until the child has ended, which stays to be waited for, and nothing is left to
 * read: 0; or -1 with errno. A system that cannot wait for both waits for fd alone. */
int platform_wait_readable_or_ended(int fd, int child);

/* The statuses of waitpid, which C defines as macros. */
int platform_exit_status(int status);   /* 0 to 255, or -1 if the process did not exit */
