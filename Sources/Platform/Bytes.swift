/// Bytes taken as words: what is asked of every frame, and is checked once for a word rather than for each byte.
extension Span where Element == UInt8 {
    /// The little-endian number of type `T` at `offset`.
    @inlinable
    @inline(__always)
    public func load<T: FixedWidthInteger & UnsignedInteger & BitwiseCopyable>(
        _ type: T.Type, at offset: Int
    ) -> T {
        precondition(offset >= 0 && offset <= count - MemoryLayout<T>.size)
        return T(littleEndian: unsafe bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: T.self))
    }

    /// Whether all bytes in `range` are 0.
    @inlinable
    public func isZero(_ range: Range<Int>) -> Bool {
        var (all, offset): (UInt64, Int) = (0, range.lowerBound)
        while offset + 8 <= range.upperBound {
            all |= load(UInt64.self, at: offset)
            offset += 8
        }
        while offset < range.upperBound {
            all |= UInt64(self[offset])
            offset += 1
        }
        return all == 0
    }

    /// Whether both have the same bytes; not in constant time.
    @inlinable
    public func equals(_ other: Span<UInt8>) -> Bool {
        guard count == other.count else { return false }
        var offset = 0
        while offset + 8 <= count {
            if load(UInt64.self, at: offset) != other.load(UInt64.self, at: offset) { return false }
            offset += 8
        }
        while offset < count {
            if self[offset] != other[offset] { return false }
            offset += 1
        }
        return true
    }

    /// Negative if this comes before `other`, 0 if both are the same: bytewise, a prefix first.
    public func order(against other: Span<UInt8>) -> Int {
        let common = Swift.min(count, other.count)
        var offset = 0
        while offset + 8 <= common {
            let (left, right) = (load(UInt64.self, at: offset), other.load(UInt64.self, at: offset))
            if left != right { return left.byteSwapped < right.byteSwapped ? -1 : 1 }
            offset += 8
        }
        while offset < common {
            if self[offset] != other[offset] { return self[offset] < other[offset] ? -1 : 1 }
            offset += 1
        }
        return count - other.count
    }

    /// A copy of the bytes in `range`, for what is not secret.
    public func array(_ range: Range<Int>) -> [UInt8] {
        var result: [UInt8] = []
        result.append(copying: extracting(range))
        return result
    }
}

extension MutableSpan where Element == UInt8 {
    /// Writes `value` at `offset`, little-endian.
    @inlinable
    @inline(__always)
    public mutating func store<T: FixedWidthInteger & UnsignedInteger & BitwiseCopyable>(
        _ value: T, at offset: Int
    ) {
        precondition(offset >= 0 && offset <= count - MemoryLayout<T>.size)
        unsafe withUnsafeMutableBytes { bytes in
            unsafe bytes.storeBytes(of: value.littleEndian, toByteOffset: offset, as: T.self)
        }
    }
}

extension [UInt8] {
    /// Appends a copy of `bytes`, which are not secret.
    public mutating func append(copying bytes: Span<UInt8>) {
        unsafe bytes.withUnsafeBufferPointer { unsafe append(contentsOf: $0) }
    }
}
