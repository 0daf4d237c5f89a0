internal import CSodium

extension Span where Element == UInt8 {
    /// Calls `body` with the address and the count; the address of an empty span is valid too, since
    /// libsodium's headers forbid NULL.
    func withPointer<R>(_ body: (UnsafePointer<UInt8>, Int) -> R) -> R {
        unsafe withUnsafeBufferPointer { bytes in
            guard let base = bytes.baseAddress else {
                var nothing: UInt8 = 0
                return unsafe body(&nothing, 0)
            }
            return unsafe body(base, bytes.count)
        }
    }

    /// Compares the bytes in a time that depends only on their number.
    public func isEqualInConstantTime(to other: Span<UInt8>) -> Bool {
        guard count == other.count else { return false }
        return unsafe withPointer { left, count in
            unsafe other.withPointer { right, _ in unsafe sodium_memcmp(left, right, count) == 0 }
        }
    }
}

extension MutableSpan where Element == UInt8 {
    /// Calls `body` with the address and the count, as for a `Span`.
    mutating func withPointer<R>(_ body: (UnsafeMutablePointer<UInt8>, Int) -> R) -> R {
        unsafe withUnsafeMutableBufferPointer { bytes in
            guard let base = bytes.baseAddress else {
                var nothing: UInt8 = 0
                return unsafe body(&nothing, 0)
            }
            return unsafe body(base, bytes.count)
        }
    }

    /// Copies `source` to `offset`.
    public mutating func copy(from source: Span<UInt8>, at offset: Int) {
        precondition(offset >= 0 && source.count <= count - offset)
        unsafe withPointer { target, _ in
            unsafe source.withPointer { source, count in
                unsafe (target + offset).update(from: source, count: count)
            }
        }
    }

    /// Moves the bytes in `range` to the front; the two may overlap.
    mutating func moveToFront(_ range: Range<Int>) {
        precondition(range.lowerBound >= 0 && range.upperBound <= count)
        unsafe withPointer { bytes, _ in
            unsafe bytes.update(from: bytes + range.lowerBound, count: range.count)
        }
    }

    /// Sets every byte in `range` to zero, in a way that the optimiser keeps.
    public mutating func wipe(_ range: Range<Int>) {
        precondition(range.lowerBound >= 0 && range.upperBound <= count)
        unsafe withPointer { target, _ in unsafe sodium_memzero(target + range.lowerBound, range.count) }
    }
}

extension [UInt8] {
    /// Creates an array of `count` zero bytes that `fill` overwrites.
    init<E>(count: Int, fill: (inout MutableSpan<UInt8>) throws(E) -> Void) throws(E) {
        self.init(repeating: 0, count: count)
        var span = mutableSpan
        try fill(&span)
    }
}
