#define _GNU_SOURCE
#include "CPlatform.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

int platform_rename_without_replacing(const char *from, const char *to) {
    return renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE);
}

int platform_rename_exchanging(const char *one, const char *other) {
    return renameat2(AT_FDCWD, one, AT_FDCWD, other, RENAME_EXCHANGE);
}

int platform_memory_file(void) { return memfd_create("secret", MFD_ALLOW_SEALING); }

int platform_seal(int fd) {
    return fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL);
}

const char *platform_entry_name(const struct dirent *entry) { return entry->d_name; }

int64_t platform_next_data(int fd, int64_t offset) {
    int64_t found = lseek(fd, offset, SEEK_DATA);
    return found < 0 && errno == ENXIO ? lseek(fd, 0, SEEK_END) : found;
}

int platform_open_path(const char *path) { return open(path, O_PATH | O_CLOEXEC); }

int platform_open_path_itself(const char *path) { return open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC); }

void platform_start_sync(int fd, int64_t offset, int64_t count) {
    int before = errno;
    sync_file_range(fd, offset, count, SYNC_FILE_RANGE_WRITE);
    errno = before;
}

/* Labels of the kernel's own are given by its rules to every new file; only those that it lets us set are carried over. */
static int is_systems_own(const char *name) {
    return strncmp(name, "security.", 9) == 0 || strncmp(name, "trusted.", 8) == 0;
}

static int copy_attribute(int from, int to, const char *name) {
    ssize_t count = fgetxattr(from, name, NULL, 0);
    if (count < 0) return -1;
    char *value = malloc(count > 0 ? (size_t)count : 1);
    if (value == NULL) return -1;
    count = fgetxattr(from, name, value, (size_t)count);
    int result = count < 0 ? -1 : fsetxattr(to, name, value, (size_t)count, 0);
    int error = errno;
    free(value);
    errno = error;
    if (result != 0 && (error == EPERM || error == EACCES || error == ENOTSUP) && is_systems_own(name)) return 0;
    return result;
}

static int copy_extended(int from, int to) {
    ssize_t count = flistxattr(from, NULL, 0);
    if (count <= 0) return count == 0 || errno == ENOTSUP || errno == ENOSYS ? 0 : -1;
    char *names = malloc((size_t)count);
    if (names == NULL) return -1;
    count = flistxattr(from, names, (size_t)count);
    int result = count < 0 ? -1 : 0;
    for (char *name = names; result == 0 && name < names + count; name += strlen(name) + 1) {
        result = copy_attribute(from, to, name);
    }
    int error = errno;
    free(names);
    errno = error;
    return result;
}

int platform_copy_attributes(int from, int to) {
    struct stat wanted, present;
    if (fstat(from, &wanted) != 0 || fstat(to, &present) != 0) return -1;
    if (wanted.st_uid != present.st_uid && fchown(to, wanted.st_uid, (gid_t)-1) != 0) return -1;
    if (wanted.st_gid != present.st_gid && fchown(to, (uid_t)-1, wanted.st_gid) != 0) return -1;
    if (copy_extended(from, to) != 0) return -1;
    /* Last, because a change of owner and an access list both touch it. */
    if (fstat(to, &present) != 0) return -1;
    return wanted.st_mode == present.st_mode ? 0 : fchmod(to, wanted.st_mode & 07777);
}
