import AuthenticatorModels
import PushAuthenticator
import SwiftUI

/// Settled sign-ons, newest first.
struct HistoryView: View {
    @State private var model: HistoryModel

    init(services: Services) { _model = State(initialValue: HistoryModel(services)) }

    var body: some View {
        NavigationStack {
            List {
                if let failure = model.failure { FailureText(failure: failure) }
                ForEach(model.entries, id: \.id) { entry in
                    VStack(alignment: .leading) {
                        Text(verbatim: "\(entry.issuer), \(entry.account)").font(.headline)
                        Text(Words(entry.state))
                        Text(Date(timeIntervalSince1970: Double(entry.settledAt ?? entry.receivedAt) / 1000), format: .dateTime)
                            .font(.footnote)
                            .foregroundStyle(.secondary)
                    }
                    .accessibilityElement(children: .combine)
                }
                if model.hasMore && !model.entries.isEmpty { Button(.historyMore) { Task { await model.loadMore() } } }
            }
            .overlay {
                if model.entries.isEmpty { ContentUnavailableView(LocalizedStringKey(.historyEmpty), systemImage: "clock") }
            }
            .navigationTitle(LocalizedStringKey(.historyTitle))
            .refreshable { await model.load() }
            .task { await model.load() }
        }
    }
}
