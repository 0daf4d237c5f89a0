/// Limits the work that a search for frames spends on bytes that look like a frame and are not one.
///
/// An attacker can make every sixteenth byte of a file look like the start of the longest frame. A candidate
/// is therefore examined only while the wasted work is below a constant plus a multiple of the bytes before
/// it. Accidental damage costs less than the constant. Nearly all short frames after forged bytes are found,
/// because each step forward allows work for one of them.
package struct SearchBound {
    private var wasted = 0

    /// The work allowed for each byte of the file before a candidate.
    private static let perByte = 4

    package init() {}

    /// Returns whether a candidate of `count` bytes may be examined.
    package func allows(_ count: Int, at offset: UInt64) -> Bool {
        wasted + count <= Format.searchBudget + SearchBound.perByte * Int(clamping: offset)
    }

    /// Records work on bytes that turned out not to be a frame.
    package mutating func waste(_ work: Int) { wasted += work }
}
