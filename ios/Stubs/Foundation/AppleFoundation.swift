// What Apple's Foundation has and that of other systems has not, as far as app and extension use it: compiled into both, here.
import Foundation

private nonisolated(unsafe) var container: URL?

/// Where the app group's files are; for tests.
func setContainer(_ folder: URL) { container = folder }

extension FileManager {
    func containerURL(forSecurityApplicationGroupIdentifier _: String) -> URL? { container }
}

extension String {
    struct LocalizationValue {
        let key: String
        init(_ key: String) { self.key = key }
    }

    /// There is no catalogue here: its key.
    init(localized value: LocalizationValue) { self = value.key }
}
