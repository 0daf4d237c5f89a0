internal import Platform
internal import UserMessages

/// The vault and the other file that `vault diff` or `vault merge` compares with it, as their tables name them.
struct ComparedFiles {
    let this, other: String

    static let thisName = "this file"
    static let otherName = "other file"

    /// Writes a table to the terminal, below the paths of the two files.
    ///
    /// - Parameter seeAll: where to find the rows that do not fit on the screen; nil writes all of them.
    func write(_ table: Table, seeAll: Hint?) throws(Failure) {
        let size = InheritedDescriptor.standardOutput.terminalSize
        let names = [ComparedFiles.thisName + ": ", ComparedFiles.otherName + ":"]
        let paths = zip(names, [this, other]).map { "\($0)  \(Output.visible(Prompt.name(of: $1)))" } + [""]
        var lines = table.lines(for: size)
        var hidden = 0
        // Below the table, there is the shell's prompt, and the number of the hidden rows with a hint of up to two lines.
        if let size, seeAll != nil { hidden = lines.cut(to: size, beside: paths.count + 1, and: 3) }
        if hidden > 0 { lines.append("… and \(hidden) more") }
        try Output.write((paths + lines).text)
        if hidden > 0, let seeAll { Output.hint(seeAll) }
    }
}
