internal import CSodium
internal import Synchronization

/// A fixed number of bytes in guarded memory.
///
/// The memory is locked (never swapped, left out of core dumps), lies between pages that fault when touched,
/// and is wiped when the value goes away. It cannot be copied, only borrowed inside ``withBytes(_:)``.
/// Allocation costs some 40 µs and at least four pages, unless what was given back can be used again: one for a key or a value,
/// never one for each record.
@safe public struct SecretBytes: ~Copyable, @unchecked Sendable {
    // @unchecked: the one pointer is owned by this value alone, and writing needs `mutating`.
    private let memory: UnsafeMutablePointer<UInt8>

    /// How many bytes there are.
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
        unsafe bytes.withPointer { source, count in unsafe memory.update(from: source, count: count) }
    }

    deinit { unsafe GuardedPages.giveBack(memory, count) }

    /// Lends the bytes for reading.
    ///
    /// They must not be copied into memory that nobody wipes.
    public borrowing func withBytes<R: ~Copyable, E>(_ body: (Span<UInt8>) throws(E) -> R) throws(E) -> R {
        try unsafe body(Span(_unsafeStart: memory, count: count))
    }

    /// Lends the bytes from `start` on for writing.
    public mutating func withMutableBytes<R: ~Copyable, E>(
        from start: Int = 0, _ body: (inout MutableSpan<UInt8>) throws(E) -> R
    ) throws(E) -> R {
        precondition(start >= 0 && start <= count)
        var span = unsafe MutableSpan(_unsafeStart: memory + start, count: count - start)
        return try body(&span)
    }
}

/// Guarded memory as a whole.
public enum GuardedMemory {
    /// Whether all of it that this process used so far could be locked, so that none was ever swapped.
    public static var isLocked: Bool { !GuardedPages.isUnlocked.load(ordering: .relaxed) }
}

/// Guarded memory, of which a few single pages are kept, wiped, for those who need one next.
///
/// A page takes ten system calls to make and to drop, which is as much as the disk takes for a change.
private enum GuardedPages {
    @safe private struct Kept: @unchecked Sendable {
        // @unchecked: the pointers are owned by whoever holds the mutex.
        var pages: [UnsafeMutablePointer<UInt8>] = unsafe []
    }

    private static let kept = Mutex(Kept())
    /// Whether some of this memory could not be locked.
    static let isUnlocked = Atomic(false)
    private static let most = 8
    /// A page without the bytes by which libsodium notices who writes before it.
    private static let pageCount = 4096 - canarySize
    private static let canarySize = 16

    /// How many bytes lie in the pages that `count` bytes take.
    static func whole(_ count: Int) -> Int {
        (max(count, 1) + canarySize + 4095) / 4096 * 4096 - canarySize
    }

    /// Zero bytes, `count` of them at least; nil without memory.
    static func take(_ count: Int) -> UnsafeMutablePointer<UInt8>? {
        if count <= pageCount, let page = unsafe kept.withLock({ unsafe $0.pages.popLast() }) {
            return unsafe page
        }
        let whole = max(count, pageCount)
        guard let memory = unsafe sodium_malloc(whole) else { return nil }
        // libsodium goes on where memory cannot be locked, and does not say so.
        if unsafe sodium_mlock(memory, whole) != 0 { isUnlocked.store(true, ordering: .relaxed) }
        unsafe sodium_memzero(memory, whole)
        return unsafe memory.assumingMemoryBound(to: UInt8.self)
    }

    /// Wipes `count` bytes and drops or keeps them.
    static func giveBack(_ memory: UnsafeMutablePointer<UInt8>, _ count: Int) {
        if count <= pageCount {
            unsafe sodium_memzero(memory, count)
            let isKept = kept.withLock { kept in
                guard unsafe kept.pages.count < most else { return false }
                unsafe kept.pages.append(memory)
                return true
            }
            if isKept { return }
        }
        unsafe sodium_free(memory)
    }
}

/// Guarded memory that grows while a secret of unknown length arrives.
///
/// What it outgrows is wiped at once. The bytes in use are the first ``count``.
public struct SecretBuffer: ~Copyable, Sendable {
    private var storage: SecretBytes

    /// How many bytes are in use.
    public private(set) var count = 0

    /// Allocates an empty buffer with room for `capacity` bytes.
    ///
    /// - Throws: ``SodiumError/outOfMemory``, ``SodiumError/unavailable``.
    public init(capacity: Int = 1024) throws(SodiumError) {
        storage = try SecretBytes(count: GuardedPages.whole(capacity))
    }

    /// How many bytes fit before the buffer must grow.
    public var capacity: Int { storage.count }

    /// Makes room for `additional` more bytes.
    ///
    /// On an error the content is as it was.
    ///
    /// - Throws: ``SodiumError/outOfMemory``.
    public mutating func reserve(_ additional: Int) throws(SodiumError) {
        guard count + additional > storage.count else { return }
        var larger = try SecretBytes(
            count: GuardedPages.whole(max(count + additional, storage.count * 2)))
        let used = count
        storage.withBytes { old in
            larger.withMutableBytes { new in new.copy(from: old.extracting(first: used), at: 0) }
        }
        storage = larger
    }

    /// Appends a copy of `bytes`.
    ///
    /// - Throws: ``SodiumError/outOfMemory``; nothing is appended then.
    public mutating func append(_ bytes: Span<UInt8>) throws(SodiumError) {
        try reserve(bytes.count)
        let end = count
        storage.withMutableBytes { $0.copy(from: bytes, at: end) }
        count += bytes.count
    }

    /// Appends one byte.
    ///
    /// - Throws: ``SodiumError/outOfMemory``; nothing is appended then.
    public mutating func append(_ byte: UInt8) throws(SodiumError) {
        try reserve(1)
        let end = count
        storage.withMutableBytes { $0[end] = byte }
        count += 1
    }

    /// Drops all but the first `newCount` bytes and wipes what was dropped.
    public mutating func truncate(to newCount: Int) {
        let (new, old) = (min(max(newCount, 0), count), count)
        storage.withMutableBytes { $0.wipe(new..<old) }
        count = new
    }

    /// Drops the first `gone` bytes: the others move to the front, and what they leave is wiped.
    public mutating func removeFirst(_ gone: Int) {
        precondition(gone >= 0 && gone <= count)
        let rest = count - gone
        storage.withMutableBytes { $0.move(gone..<gone + rest, to: 0) }
        truncate(to: rest)
    }

    /// Drops one LF or CRLF at the end.
    public mutating func removeFinalNewline() {
        let count = count
        let drop = withBytes { bytes in
            guard count > 0, bytes[count - 1] == 0x0A else { return 0 }
            return count > 1 && bytes[count - 2] == 0x0D ? 2 : 1
        }
        truncate(to: count - drop)
    }

    /// Lends the free room to `fill`, which returns how many bytes it wrote at the front of it.
    public mutating func appendInPlace<E>(_ fill: (inout MutableSpan<UInt8>) throws(E) -> Int) throws(E)
        -> Int
    {
        let start = count
        let written = try storage.withMutableBytes(from: start) { free throws(E) in try fill(&free) }
        precondition(written >= 0 && written <= storage.count - start)
        count += written
        return written
    }

    /// Lends the bytes in use for reading.
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
    /// Wipes what calls that have returned left of their working memory: 64 KiB, more than a derivation, a box
    /// or a request takes.
    public static func wipe() { sodium_stackzero(1 << 16) }
}

extension MutableSpan where Element == UInt8 {
    /// Copies `source` over the bytes that begin at `offset`.
    public mutating func copy(from source: Span<UInt8>, at offset: Int) {
        precondition(offset >= 0 && source.count <= count - offset)
        unsafe withPointer { target, _ in
            unsafe source.withPointer { source, count in
                unsafe (target + offset).update(from: source, count: count)
            }
        }
    }

    /// Copies the bytes in `range` to where `offset` is; the two may overlap.
    mutating func move(_ range: Range<Int>, to offset: Int) {
        precondition(range.lowerBound >= 0 && range.upperBound <= count)
        precondition(offset >= 0 && range.count <= count - offset)
        unsafe withPointer { bytes, _ in
            unsafe (bytes + offset).update(from: bytes + range.lowerBound, count: range.count)
        }
    }

    /// Sets every byte in `range` to zero, in a way that the optimiser keeps.
    public mutating func wipe(_ range: Range<Int>) {
        precondition(range.lowerBound >= 0 && range.upperBound <= count)
        unsafe withPointer { target, _ in unsafe sodium_memzero(target + range.lowerBound, range.count) }
    }
}
