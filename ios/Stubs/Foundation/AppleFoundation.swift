// Stub for the parts of Foundation that only Apple's version has and that the app and the extension use. Compiled into
// both, here.
import Foundation

private nonisolated(unsafe) var container: URL?

/// Sets where the app group's files are, for tests.
func setContainer(_ folder: URL) { container = folder }

extension FileManager {
    func containerURL(forSecurityApplicationGroupIdentifier _: String) -> URL? { container }
}

extension String {
    struct LocalizationValue {
        let key: String
        init(_ key: String) { self.key = key }
    }

    /// There is no catalog here, so this is the key.
    init(localized value: LocalizationValue) { self = value.key }
}
