internal import Glibc

extension Span where Element == UInt8 {
    /// Returns the little-endian number of type `T` at `offset`.
    @inlinable
    public func load<T: FixedWidthInteger & UnsignedInteger & BitwiseCopyable>(
        _ type: T.Type, at offset: Int
    ) -> T {
        precondition(offset >= 0 && offset <= count - MemoryLayout<T>.size)
        return T(littleEndian: unsafe bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: T.self))
    }

    /// Returns true if all bytes in `range` are 0.
    public func isZero(_ range: Range<Int>) -> Bool {
        var union: UInt8 = 0
        for index in range { union |= self[index] }
        return union == 0
    }

    /// Returns true if both have the same bytes; not in constant time.
    public func equals(_ other: Span<UInt8>) -> Bool {
        count == other.count && order(against: other) == 0
    }

    /// Returns a negative number if these bytes sort before those of `other`, 0 if they are the same, else a
    /// positive one.
    ///
    /// A prefix sorts first.
    public func order(against other: Span<UInt8>) -> Int {
        let common = Swift.min(count, other.count)
        let result = unsafe withPointer { left, _ in
            unsafe other.withPointer { right, _ in unsafe Int(memcmp(left, right, common)) }
        }
        return result != 0 ? result : count - other.count
    }

    /// Returns a copy of the bytes in `range`, which are not secret.
    public func array(_ range: Range<Int>) -> [UInt8] {
        var result: [UInt8] = []
        result.append(copying: extracting(range))
        return result
    }

    /// Calls `body` with the address and the count; the address of an empty span is valid too.
    func withPointer<R, E>(_ body: (UnsafePointer<UInt8>, Int) throws(E) -> R) throws(E) -> R {
        unsafe try withUnsafeBufferPointer { buffer throws(E) in
            guard let base = buffer.baseAddress else {
                var nothing: UInt8 = 0
                return unsafe try body(&nothing, 0)
            }
            return unsafe try body(base, buffer.count)
        }
    }
}

extension MutableSpan where Element == UInt8 {
    /// Writes `value` at `offset`, little-endian.
    @inlinable
    public mutating func store<T: FixedWidthInteger & UnsignedInteger & BitwiseCopyable>(
        _ value: T, at offset: Int
    ) {
        precondition(offset >= 0 && offset <= count - MemoryLayout<T>.size)
        unsafe withUnsafeMutableBytes { bytes in
            unsafe bytes.storeBytes(of: value.littleEndian, toByteOffset: offset, as: T.self)
        }
    }

    /// Calls `body` with the address and the count; the address of an empty span is valid too.
    mutating func withPointer<R, E>(_ body: (UnsafeMutablePointer<UInt8>, Int) throws(E) -> R) throws(E) -> R
    {
        unsafe try withUnsafeMutableBufferPointer { buffer throws(E) in
            guard let base = buffer.baseAddress else {
                var nothing: UInt8 = 0
                return unsafe try body(&nothing, 0)
            }
            return unsafe try body(base, buffer.count)
        }
    }
}

extension [UInt8] {
    /// Appends a copy of `bytes`, which are not secret.
    public mutating func append(copying bytes: Span<UInt8>) {
        unsafe bytes.withUnsafeBufferPointer { unsafe append(contentsOf: $0) }
    }

    /// Appends `count` zeros.
    public mutating func append(zeros count: Int) {
        // Not `repeatElement`, which is a hundred times slower where nothing is optimised, in tests.
        var rest = count
        while rest > 0 {
            let piece = Swift.min(rest, zeros.count)
            append(copying: zeros.span.extracting(first: piece))
            rest -= piece
        }
    }
}

private let zeros = [UInt8](repeating: 0, count: 4096)
