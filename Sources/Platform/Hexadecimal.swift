extension [UInt8] {
    /// Two hexadecimal digits for each byte, in lower case.
    public var hexadecimal: String {
        flatMap { [$0 >> 4, $0 & 15] }.map { String($0, radix: 16) }.joined()
    }
}
