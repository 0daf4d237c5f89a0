internal import CSodium
internal import Synchronization

/// A fixed number of bytes in guarded memory.
///
/// The memory is locked (never swapped, left out of core dumps), lies between pages that fault when touched,
/// and is wiped when the value goes away. It cannot be copied, only borrowed inside ``withBytes(_:)``.
@safe public struct SecretBytes: ~Copyable, @unchecked Sendable {
    // @unchecked: the one pointer is owned by this value alone, and writing needs `mutating`.
    private let memory: UnsafeMutablePointer<UInt8>

    /// The number of bytes.
    public let count: Int

    /// Allocates `count` zero bytes.
    ///
    /// - Throws: ``SodiumError/outOfMemory``, ``SodiumError/unavailable``.
    public init(count: Int) throws(SodiumError) {
        try Library.start()
        guard count >= 0, let memory = unsafe GuardedPages.take(count) else { throw .outOfMemory }
        unsafe self.memory = memory
        self.count = count
    }

    /// Allocates `count` random bytes.
    ///
    /// - Throws: as ``init(count:)``.
    public init(randomCount count: Int) throws(SodiumError) {
        try self.init(count: count)
        unsafe randombytes_buf(memory, count)
    }

    /// Allocates a copy of `bytes`.
    ///
    /// - Throws: as ``init(count:)``.
    public init(copying bytes: Span<UInt8>) throws(SodiumError) {
        try self.init(count: bytes.count)
        withMutableBytes { $0.copy(from: bytes, at: 0) }
    }

    deinit { unsafe GuardedPages.giveBack(memory, count) }

    /// Calls `body` with the bytes, which it must not copy into memory that nobody wipes.
    public borrowing func withBytes<R: ~Copyable, E>(_ body: (Span<UInt8>) throws(E) -> R) throws(E) -> R {
        try unsafe body(Span(_unsafeStart: memory, count: count))
    }

    /// Calls `body` with the bytes from `start` on, which it may change.
    public mutating func withMutableBytes<R: ~Copyable, E>(
        from start: Int = 0, _ body: (inout MutableSpan<UInt8>) throws(E) -> R
    ) throws(E) -> R {
        precondition(start >= 0 && start <= count)
        var span = unsafe MutableSpan(_unsafeStart: memory + start, count: count - start)
        return try body(&span)
    }
}

/// Guarded memory, of which up to eight wiped pages are kept for the next allocations.
///
/// Allocating and freeing a page takes ten system calls, about 40 µs; opening a small vault takes 450 µs and
/// needs a dozen pages.
private enum GuardedPages {
    @safe private struct Pages: @unchecked Sendable {
        // @unchecked: the pages are owned by whoever holds the mutex.
        var free: [UnsafeMutablePointer<UInt8>] = unsafe []
    }

    private static let pages = Mutex(Pages())
    /// A page without libsodium's canary of 16 bytes.
    private static let pageSize = 4096 - 16

    /// Returns `count` zero bytes, or nil if there is no memory.
    static func take(_ count: Int) -> UnsafeMutablePointer<UInt8>? {
        if count <= pageSize, let page = unsafe pages.withLock({ unsafe $0.free.popLast() }) {
            return unsafe page
        }
        let size = max(count, pageSize)
        guard let memory = unsafe sodium_malloc(size) else { return nil }
        // sodium_malloc ignores it if the memory cannot be locked.
        if unsafe sodium_mlock(memory, size) != 0 {
            GuardedMemory.hasUnlocked.store(true, ordering: .relaxed)
        }
        unsafe sodium_memzero(memory, size)
        return unsafe memory.assumingMemoryBound(to: UInt8.self)
    }

    /// Wipes `count` bytes, and keeps or frees their memory.
    static func giveBack(_ memory: UnsafeMutablePointer<UInt8>, _ count: Int) {
        guard count <= pageSize else { return unsafe sodium_free(memory) }
        unsafe sodium_memzero(memory, count)
        let isKept = pages.withLock { pages in
            guard unsafe pages.free.count < 8 else { return false }
            unsafe pages.free.append(memory)
            return true
        }
        if !isKept { unsafe sodium_free(memory) }
    }
}

/// The guarded memory of this process as a whole.
public enum GuardedMemory {
    fileprivate static let hasUnlocked = Atomic(false)

    /// True if all of it, since the process started, could be locked and so was never swapped.
    public static var isLocked: Bool { !hasUnlocked.load(ordering: .relaxed) }
}

/// Guarded memory that grows while a secret of unknown length arrives.
///
/// Memory that it has outgrown is wiped at once. The bytes in use are the first ``count``.
public struct SecretBuffer: ~Copyable, Sendable {
    private var storage: SecretBytes

    /// The number of bytes in use.
    public private(set) var count = 0

    /// Allocates an empty buffer with space for `capacity` bytes.
    ///
    /// - Throws: ``SodiumError/outOfMemory``, ``SodiumError/unavailable``.
    public init(capacity: Int = 4000) throws(SodiumError) { storage = try SecretBytes(count: capacity) }

    /// The number of bytes that fit before the buffer must grow.
    public var capacity: Int { storage.count }

    /// Makes space for `additional` more bytes.
    ///
    /// - Throws: ``SodiumError/outOfMemory``; the content is unchanged then.
    public mutating func reserve(_ additional: Int) throws(SodiumError) {
        guard count + additional > capacity else { return }
        var larger = try SecretBytes(count: max(count + additional, capacity * 2))
        withBytes { bytes in larger.withMutableBytes { $0.copy(from: bytes, at: 0) } }
        storage = larger
    }

    /// Appends a copy of `bytes`.
    ///
    /// - Throws: ``SodiumError/outOfMemory``; the content is unchanged then.
    public mutating func append(_ bytes: Span<UInt8>) throws(SodiumError) {
        try reserve(bytes.count)
        storage.withMutableBytes(from: count) { $0.copy(from: bytes, at: 0) }
        count += bytes.count
    }

    /// Appends one byte.
    ///
    /// - Throws: ``SodiumError/outOfMemory``; the content is unchanged then.
    public mutating func append(_ byte: UInt8) throws(SodiumError) {
        try reserve(1)
        storage.withMutableBytes(from: count) { $0[0] = byte }
        count += 1
    }

    /// Removes and wipes all but the first `newCount` bytes.
    public mutating func truncate(to newCount: Int) {
        let (new, old) = (min(max(newCount, 0), count), count)
        storage.withMutableBytes { $0.wipe(new..<old) }
        count = new
    }

    /// Removes the first `removed` bytes and wipes what the others leave as they move to the front.
    public mutating func removeFirst(_ removed: Int) {
        precondition(removed >= 0 && removed <= count)
        let old = count
        storage.withMutableBytes { $0.moveToFront(removed..<old) }
        truncate(to: count - removed)
    }

    /// Removes one LF or CRLF at the end.
    public mutating func removeFinalNewline() {
        let length = withBytes { bytes in
            guard bytes.count > 0, bytes[bytes.count - 1] == 0x0A else { return 0 }
            return bytes.count > 1 && bytes[bytes.count - 2] == 0x0D ? 2 : 1
        }
        truncate(to: count - length)
    }

    /// Calls `fill` with the free space, at the front of which it writes, and appends the bytes whose number
    /// it returns.
    public mutating func appendInPlace<E>(_ fill: (inout MutableSpan<UInt8>) throws(E) -> Int) throws(E)
        -> Int
    {
        let written = try storage.withMutableBytes(from: count, fill)
        precondition(written >= 0 && written <= capacity - count)
        count += written
        return written
    }

    /// Calls `body` with the bytes in use.
    public borrowing func withBytes<R: ~Copyable, E>(_ body: (Span<UInt8>) throws(E) -> R) throws(E) -> R {
        let used = count
        return try storage.withBytes { bytes throws(E) in try body(bytes.extracting(first: used)) }
    }

    /// Moves the bytes in use to memory of exactly their size.
    ///
    /// - Throws: ``SodiumError/outOfMemory``.
    public consuming func finish() throws(SodiumError) -> SecretBytes {
        try withBytes { bytes throws(SodiumError) in try SecretBytes(copying: bytes) }
    }
}

/// The stack of the calling thread.
public enum Stack {
    /// Wipes the next 64 KiB of the stack, more than a key derivation, a box or a request uses, and with it
    /// what calls that have returned left there.
    public static func wipe() { sodium_stackzero(1 << 16) }
}
