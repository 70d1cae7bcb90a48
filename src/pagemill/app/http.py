"""The HTTP side of an application."""

from fastapi import FastAPI

from pagemill import configs
from pagemill.app.application import Application
from pagemill.documents.writers.json_schema import result_schema_text
from pagemill.web.api import create_api, create_probes


def http_api(application: Application) -> FastAPI:
    """The HTTP side of an application that is `running`."""
    settings = application.settings
    return create_api(
        application.manager,
        application.reader,
        batches=application.batches,
        following=application.feed,
        views=application.views,
        files=application.files,
        engines=application.engine_reader,
        writers=application.writers,
        access=application.access,
        config=configs.web_config(
            settings,
            uploads=application.uploads,
            engines=application.engines,
            has_structure=application.has_structure,
        ),
        checks={"database": application.check_database},
        schemas={"result": result_schema_text()},
    )


def http_probes(application: Application) -> FastAPI:
    """Probes and metrics of an application that is `running`, for a node."""
    return create_probes(
        application.reader,
        access=application.access,
        config=configs.web_config(application.settings, uploads=application.uploads, engines=application.engines),
        checks={"database": application.check_database},
    )
