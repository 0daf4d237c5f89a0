internal import Glibc

/// The search for programs in `PATH`.
public enum ProgramPath {
    /// Returns the path of the first program of this name that `PATH` leads to; nil if there is none.
    public static func first(named name: String) -> String? {
        guard let path = (try? Environment.value("PATH")) ?? nil else { return nil }
        return path.split(separator: ":").lazy.map { Path.join(String($0), name) }
            .first { unsafe access($0, X_OK) == 0 && (try? fileStatus(of: $0).isRegularFile) == true }
    }
}
