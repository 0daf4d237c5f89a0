package import Sodium

/// A sum over what records say, in their order, whatever their place in a file is: the same for a file and its rewrite.
package struct ContentSum: ~Copyable {
    private var sum: KeyedSum

    /// The sum of no record yet; only sums under the same random key can be compared.
    package init(key: borrowing Key) { sum = KeyedSum(key: key) }

    /// Goes on with the record of a plaintext: its kind, its length, its time and its body.
    package mutating func add(_ plaintext: Span<UInt8>) {
        let end = Format.prefixSize + RecordPrefix(plaintext).bodySize
        sum.update(plaintext.extracting(0..<1))
        sum.update(plaintext.extracting(4..<8))
        sum.update(plaintext.extracting(40..<end))
    }

    /// The sum of all records so far.
    package consuming func finish() -> [UInt8] { sum.finish() }
}
