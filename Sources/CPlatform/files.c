#define _GNU_SOURCE
#include "CPlatform.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
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

const int platform_path_only = O_PATH;

int64_t platform_next_data(int fd, int64_t offset) {
    int64_t found = lseek(fd, offset, SEEK_DATA);
    return found < 0 && errno == ENXIO ? lseek(fd, 0, SEEK_END) : found;
}

int platform_known_identity(int fd, uint64_t *device, uint64_t *inode) {
    struct statx status;
    if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_INO, &status) < 0) return -1;
    *device = makedev(status.stx_dev_major, status.stx_dev_minor);
    *inode = status.stx_ino;
    return 0;
}

void platform_start_sync(int fd, int64_t offset, int64_t count) {
    int before = errno;
    sync_file_range(fd, offset, count, SYNC_FILE_RANGE_WRITE);
    errno = before;
}

/*
 * True for access control lists. The group bits in the mode of a file with a list are the upper bound of its
 * entries; in a copy without the list they would apply to the group.
 */
static int restricts_access(const char *name) { return strncmp(name, "system.", 7) == 0; }

/* Errors for attributes that only the system may set, or that this file system does not store. */
static int is_refusal(int error) {
    return error == EPERM || error == EACCES || error == ENOTSUP || error == ENOSYS || error == EINVAL;
}

/* The functions below rely on free not changing errno, as glibc does since 2.33. */
static ssize_t read_attribute(int fd, const char *name, char **value) {
    *value = NULL;
    ssize_t count = fgetxattr(fd, name, NULL, 0);
    if (count < 0) return -1;
    *value = malloc(count > 0 ? (size_t)count : 1);
    return *value == NULL ? -1 : fgetxattr(fd, name, *value, (size_t)count);
}

/*
 * An attribute that is present already, such as a label that the kernel gives to each new file, is not set
 * again.
 */
static int has_attribute(int fd, const char *name, const char *value, ssize_t count) {
    char *present;
    ssize_t present_count = read_attribute(fd, name, &present);
    int same = present_count == count && memcmp(present, value, (size_t)count) == 0;
    free(present);
    return same;
}

static int copy_attribute(int from, int to, const char *name) {
    char *value;
    ssize_t count = read_attribute(from, name, &value);
    int result = count < 0 ? -1 : 0;
    if (result == 0 && !has_attribute(to, name, value, count)) {
        result = fsetxattr(to, name, value, (size_t)count, 0);
    }
    free(value);
    if (result != 0 && errno == ENODATA) return 0; /* removed meanwhile */
    return result != 0 && is_refusal(errno) && !restricts_access(name) ? 0 : result;
}

static int copy_extended_attributes(int from, int to) {
    ssize_t count = flistxattr(from, NULL, 0);
    /*
     * File systems without extended attributes report different errors. If the new file gives the same one,
     * it is no fault.
     */
    if (count < 0) {
        int error = errno;
        if (flistxattr(to, NULL, 0) < 0 && errno == error) return 0;
        errno = error;
        return -1;
    }
    if (count == 0) return 0;
    char *names = malloc((size_t)count);
    if (names == NULL) return -1;
    count = flistxattr(from, names, (size_t)count);
    int result = count < 0 ? -1 : 0;
    for (char *name = names; result == 0 && name < names + count; name += strlen(name) + 1) {
        result = copy_attribute(from, to, name);
    }
    free(names);
    return result;
}

/*
 * Where modes cannot be set, the present one is accepted if it permits nothing that the wanted one does not.
 */
static int copy_mode(int to, mode_t wanted) {
    struct stat present;
    if (fstat(to, &present) != 0) return -1;
    if (present.st_mode == wanted) return 0;
    int result = fchmod(to, wanted & 07777), error = errno;
    if (fstat(to, &present) != 0) return -1;
    if ((present.st_mode & ~wanted & 07777) == 0) return 0;
    errno = result != 0 ? error : EPERM;
    return -1;
}

int platform_copy_attributes(int from, int to) {
    struct stat wanted, present;
    if (fstat(from, &wanted) != 0 || fstat(to, &present) != 0) return -1;
    if (wanted.st_uid != present.st_uid && fchown(to, wanted.st_uid, (gid_t)-1) != 0) return -1;
    if (wanted.st_gid != present.st_gid && fchown(to, (uid_t)-1, wanted.st_gid) != 0) return -1;
    if (copy_extended_attributes(from, to) != 0) return -1;
    /* Last, because changing the owner or an access control list also changes the mode. */
    return copy_mode(to, wanted.st_mode);
}
