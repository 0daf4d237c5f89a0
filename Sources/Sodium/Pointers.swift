/// One byte that stands in for the address of an empty span: nothing is ever read from it or written to it.
@safe private final class NoBytes: @unchecked Sendable {
    static let shared = NoBytes()
    let address = UnsafeMutablePointer<UInt8>.allocate(capacity: 1)
}

extension Span where Element == UInt8 {
    /// Lends an address that is never nil, as libsodium's headers demand, with the number of bytes behind it.
    func withPointer<R>(_ body: (UnsafePointer<UInt8>, Int) -> R) -> R {
        unsafe withUnsafeBufferPointer { bytes in
            unsafe body(bytes.baseAddress ?? UnsafePointer(NoBytes.shared.address), bytes.count)
        }
    }
}

extension MutableSpan where Element == UInt8 {
    /// Lends an address that is never nil, as libsodium's headers demand, with the number of bytes behind it.
    mutating func withPointer<R>(_ body: (UnsafeMutablePointer<UInt8>, Int) -> R) -> R {
        unsafe withUnsafeMutableBufferPointer { bytes in
            unsafe body(bytes.baseAddress ?? NoBytes.shared.address, bytes.count)
        }
    }
}
