package import Sodium

/// A keyed checksum of the content of records.
///
/// It depends on their order but not on their places, so that a file and its rewrite have the same.
package struct ContentSum: ~Copyable {
    private var sum: KeyedSum

    /// Creates the sum of no records; only sums under the same random key can be compared.
    package init(key: borrowing Key) { sum = KeyedSum(key: key) }

    /// Adds a record's kind, length, time and body.
    package mutating func add(_ plaintext: Span<UInt8>) {
        let end = Format.prefixSize + RecordPrefix(plaintext).bodySize
        sum.update(plaintext.extracting(0..<1))
        sum.update(plaintext.extracting(4..<8))
        sum.update(plaintext.extracting(40..<end))
    }

    /// Returns the sum of all records that were added.
    package consuming func finish() -> [UInt8] { sum.finish() }
}
