internal import UserMessages

extension NearestContextFile {
    /// Throws unless the file is trusted, or the user agrees on the terminal to trust it.
    func requireTrust() throws(Failure) {
        guard let refusal = try refusal() else { return }
        guard Prompt.isPossible else { throw refusal }
        let state = Output.visible(refusal.message)
        do throws(Failure) {
            try Prompt.confirm(after: "\(state). It contains:\n\n\(shown)\n", "Trust it (\(file.summary))?")
        } catch {
            throw Failure(
                error.code, error.message, hint: error.code == .cancelled ? Self.noContext : error.hint)
        }
        try trust()
    }
}
