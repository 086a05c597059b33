import AuthenticatorModels
import Foundation

/// Settings in the user's defaults, shared by the app and its extensions. Unreadable settings are replaced by new ones.
public final class DefaultsStore: SettingsStore, @unchecked Sendable {
    private static let key = "settings"
    /// Defaults may be used from any thread.
    private let defaults: UserDefaults

    public init(_ defaults: UserDefaults) { self.defaults = defaults }

    public func load() -> Settings {
        if let kept = defaults.data(forKey: Self.key), let settings = try? PropertyListDecoder().decode(Settings.self, from: kept) {
            return settings
        }
        // The phone's own token must stay the same from now on.
        let new = Settings()
        save(new)
        return new
    }

    public func save(_ settings: Settings) {
        if let encoded = try? PropertyListEncoder().encode(settings) { defaults.set(encoded, forKey: Self.key) }
    }
}
